from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.latency.profile import Latency, LatencyProfile
from sf_pipelines.emulator.latency.triggers import let_transactions_last
from sf_pipelines.emulator.locking.table import LOCK_WAIT_SECONDS, LockTable
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.results import RowResult
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.store import Transaction
from sf_pipelines_tests.emulator.core.helpers import add, refusal, rows
from sf_pipelines_tests.emulator.waiting import in_thread, wait_until

SCHEMA = """
Invoice__c:
  fields: {}
Line__c:
  fields:
    Invoice__c:
      {type: reference, to: [Invoice__c], relationship: Invoice__r, required: true, on_delete: cascade}
    Account__c: {type: reference, to: [Account], relationship: Account__r}
"""
SLOW = LatencyProfile(name="slow", trigger_ms_per_row={"*": 30_000.0})


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    path = tmp_path / "schema.yaml"
    path.write_text(SCHEMA)
    org = Org(schema=load_schema(path), clock=Clock(datetime(2026, 3, 1, tzinfo=UTC), frozen=True))
    yield org
    org.close()


class Holder:
    """A transaction of 30 s for each row, on the org's frozen clock, that writes a row, or what is given."""

    def __init__(
        self, org: Org, sobject: str, id_: str, write: Callable[[], list[RowResult]] | None = None
    ) -> None:
        self.org = org
        let_transactions_last(org, Latency(SLOW))
        self.future = in_thread(write or (lambda: org.update(sobject, [{"Id": id_, "Name": "held"}])))
        wait_until(org.clock, lambda: id_ in org.transactions.table.held_ids())
        org.transactions.duration = lambda written: 0.0

    def end(self) -> Sequence[RowResult]:
        self.org.clock.advance(30)
        return self.future.result(30)


def held(org: Org) -> tuple[str, ...]:
    return org.transactions.table.held_ids()


def waiting_write(org: Org, sobject: str, record: dict[str, object]) -> Sequence[RowResult]:
    """An update or insert that runs while another one holds its rows, for as long as it may wait."""
    write = org.update if "Id" in record else org.create
    return waiting(org, lambda: write(sobject, [record]))


def waiting(org: Org, write: Callable[[], Sequence[RowResult]]) -> Sequence[RowResult]:
    future = in_thread(write)
    wait_until(org.clock, lambda: _waits(org))
    org.clock.advance(LOCK_WAIT_SECONDS)
    return future.result(30)


def _waits(org: Org) -> bool:
    """True when two are blocked: the holder, for its time, and one more for the row."""
    return org.clock.waiting == 2


def test_a_slow_transaction_holds_its_row_and_others_get_the_recorded_error(org: Org) -> None:
    id_ = add(org, "Account", Name="a")
    holder = Holder(org, "Account", id_)

    error = refusal(waiting_write(org, "Account", {"Id": id_, "Name": "b"}))

    assert (error.code, error.fields) == ("UNABLE_TO_LOCK_ROW", ())
    assert error.message == f"unable to obtain exclusive access to this record or 1 records: {id_}"
    assert holder.end()[0].success
    assert rows(org, "SELECT Name FROM Account") == [("held",)]
    assert held(org) == ()


def test_who_waits_gets_the_row_when_it_is_given_back_in_time(org: Org) -> None:
    id_ = add(org, "Account", Name="a")
    org.transactions.duration = lambda written: 5.0
    first = in_thread(lambda: org.update("Account", [{"Id": id_, "Name": "first"}]))
    wait_until(org.clock, lambda: bool(held(org)))
    org.transactions.duration = lambda written: 0.0
    second = in_thread(lambda: org.update("Account", [{"Id": id_, "Name": "second"}]))
    wait_until(org.clock, lambda: _waits(org))

    org.clock.advance(5)

    assert first.result(30)[0].success
    assert second.result(30)[0].success
    assert rows(org, "SELECT Name FROM Account") == [("second",)]


def test_only_the_rows_that_need_the_held_row_fail(org: Org) -> None:
    one, other = add(org, "Account", Name="a"), add(org, "Account", Name="b")
    holder = Holder(org, "Account", one)
    records = [{"Id": one, "Name": "x"}, {"Id": other, "Name": "y"}]
    future = in_thread(lambda: org.update("Account", records))
    wait_until(org.clock, lambda: _waits(org))
    org.clock.advance(LOCK_WAIT_SECONDS)

    assert [result.success for result in future.result(30)] == [False, True]
    org.clock.advance(30)
    holder.future.result(30)


def test_the_store_serves_others_while_a_transaction_lasts(org: Org) -> None:
    id_ = add(org, "Account", Name="a")
    holder = Holder(org, "Account", id_)

    add(org, "Lead", LastName="l", Company="c")
    assert rows(org, "SELECT Name FROM Account") == [("a",)]

    holder.end()
    assert rows(org, "SELECT Name FROM Account") == [("held",)]


def test_a_child_locks_the_parent_that_its_deletion_would_take_along(org: Org) -> None:
    account = add(org, "Account", Name="a")
    holder = Holder(org, "Account", account)

    error = refusal(waiting_write(org, "Contact", {"LastName": "l", "AccountId": account}))

    assert error.code == "UNABLE_TO_LOCK_ROW"
    holder.end()


def test_a_look_up_that_is_cleared_on_delete_locks_nothing(org: Org) -> None:
    account = add(org, "Account", Name="a")
    invoice = add(org, "Invoice__c", Name="i")
    holder = Holder(org, "Account", account)

    assert org.create("Line__c", [{"Invoice__c": invoice, "Account__c": account}])[0].success
    holder.end()


def test_an_update_that_leaves_the_look_up_alone_does_not_lock_its_target(org: Org) -> None:
    account = add(org, "Account", Name="a")
    contact = add(org, "Contact", LastName="l", AccountId=account)
    holder = Holder(org, "Account", account)

    same = {"Id": contact, "LastName": "m", "AccountId": account}
    assert org.update("Contact", [same])[0].success
    holder.end()


def test_a_detail_locks_its_master_at_every_write(org: Org) -> None:
    invoice = add(org, "Invoice__c", Name="i")
    line = add(org, "Line__c", Invoice__c=invoice, Name="l")
    holder = Holder(org, "Invoice__c", invoice)

    assert refusal(waiting_write(org, "Line__c", {"Id": line, "Name": "m"})).code == "UNABLE_TO_LOCK_ROW"
    delete = waiting(org, lambda: org.delete("Line__c", [line]))
    assert refusal(delete).code == "UNABLE_TO_LOCK_ROW"
    org.clock.advance(30)
    holder.future.result(30)


def test_a_delete_waits_for_each_row_that_it_would_take_along(org: Org) -> None:
    invoice = add(org, "Invoice__c", Name="i")
    line = add(org, "Line__c", Invoice__c=invoice, Name="l")
    other = add(org, "Invoice__c", Name="free")
    holder = Holder(org, "Line__c", line)

    free, locked = waiting(org, lambda: org.delete("Invoice__c", [other, invoice]))

    assert free.success
    assert locked.errors[0].code == "UNABLE_TO_LOCK_ROW"
    assert line in locked.errors[0].message
    holder.end()
    assert rows(org, "SELECT Name FROM Line__c") == [("held",)]


@pytest.mark.parametrize("is_undelete", [False, True], ids=["delete", "undelete"])
def test_a_cascade_holds_its_children_while_it_lasts(org: Org, is_undelete: bool) -> None:
    account = add(org, "Account", Name="a")
    contact = add(org, "Contact", LastName="l", AccountId=account)
    if is_undelete:
        org.delete("Account", [account])
    write = org.undelete if is_undelete else org.delete
    holder = Holder(org, "Account", account, lambda: write("Account", [account]))

    assert held(org) == (account, contact)
    assert holder.end()[0].success
    assert held(org) == ()
    assert len(rows(org, "SELECT Id FROM Contact")) == int(is_undelete)


def test_a_look_up_that_a_delete_clears_does_not_hold_its_row(org: Org) -> None:
    account, invoice = add(org, "Account", Name="a"), add(org, "Invoice__c", Name="i")
    add(org, "Line__c", Invoice__c=invoice, Account__c=account, Name="l")
    holder = Holder(org, "Account", account, lambda: org.delete("Account", [account]))

    assert held(org) == (account,)
    holder.end()
    assert rows(org, "SELECT Account__c FROM Line__c") == [(None,)]


def test_two_calls_in_one_transaction_hold_their_rows_to_its_end(org: Org) -> None:
    one, other = add(org, "Account", Name="a"), add(org, "Account", Name="b")
    org.transactions.duration = lambda written: 1.0

    def both(transaction: Transaction) -> Sequence[RowResult]:
        first = org.update("Account", [{"Id": one, "Name": "x"}])
        return [*first, *org.update("Account", [{"Id": other, "Name": "y"}])]

    future = in_thread(lambda: org.transact(both))
    wait_until(org.clock, lambda: held(org) == (one, other))
    org.clock.advance(1)

    assert all(result.success for result in future.result(30))
    assert held(org) == ()


def test_a_reset_ends_a_slow_transaction_as_unavailable(org: Org) -> None:
    id_ = add(org, "Account", Name="a")
    holder = Holder(org, "Account", id_)

    org.reset()

    with pytest.raises(SalesforceError) as caught:
        holder.future.result(30)
    assert (caught.value.code, caught.value.status) == ("SERVER_UNAVAILABLE", 503)
    assert held(org) == ()


def test_two_transactions_that_need_the_same_rows_in_other_orders_both_end(org: Org) -> None:
    ids = [add(org, "Account", Name=str(number)) for number in range(20)]
    org.transactions.duration = lambda written: 1e-6
    org.clock.resume()
    one = in_thread(lambda: [org.update("Account", [{"Id": i, "Name": "x"} for i in ids]) for _ in range(20)])
    other = in_thread(
        lambda: [org.update("Account", [{"Id": i, "Name": "y"} for i in reversed(ids)]) for _ in range(20)]
    )

    assert all(row.success for future in (one, other) for call in future.result(60) for row in call)


def test_nothing_is_locked_and_nothing_rehearsed_in_an_instant_org(org: Org) -> None:
    seen: list[bool] = []

    def work(transaction: Transaction) -> None:
        seen.append(transaction.locks is None)
        add(org, "Account", Name="a")

    org.transact(work)

    assert seen == [True]
    assert held(org) == ()


def test_a_lock_table_gives_each_row_to_one_owner() -> None:
    table = LockTable(Clock(frozen=True))
    one, other = object(), object()

    assert table.try_take(one, ["a", "b"]) == frozenset()
    assert table.try_take(other, ["b", "c"]) == frozenset({"b"})
    assert table.take(other, ["b"], lambda: True) == frozenset({"b"})
    table.release(one)
    assert table.take(other, ["b"], lambda: False) == frozenset()
    assert table.held_ids() == ("b", "c")
