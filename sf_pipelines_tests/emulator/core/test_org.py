from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import INTEGRATION_USERNAME, Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.schema.model import OrgSchema
from sf_pipelines_tests.emulator.core.helpers import add, rows


def test_a_new_org_has_an_id_and_one_user(org: Org) -> None:
    assert org.org_id.startswith("00D")
    assert rows(org, "SELECT Id, Username, IsActive FROM User") == [(org.user_id, INTEGRATION_USERNAME, 1)]


def test_a_file_keeps_rows_identity_and_id_counters(tmp_path: Path, schema: OrgSchema, clock: Clock) -> None:
    path = str(tmp_path / "org.db")
    first = Org(schema=schema, clock=clock, path=path)
    kept = add(first, "Account", Name="kept", External_Id__c="k")
    job = first.ids.next("750")
    identity = (first.org_id, first.user_id)
    first.close()
    second = Org(schema=schema, clock=clock, path=path)
    assert (second.org_id, second.user_id) == identity
    assert rows(second, "SELECT Id, Name FROM Account") == [(kept, "kept")]
    assert add(second, "Account", Name="new") != kept
    assert second.ids.next("750") != job
    assert not second.upsert("Account", "External_Id__c", [{"External_Id__c": "K", "Name": "x"}])[0].created
    second.close()


def test_a_file_gains_the_columns_of_a_changed_schema(
    tmp_path: Path, schema: OrgSchema, clock: Clock
) -> None:
    path = str(tmp_path / "org.db")
    first = Org(schema=schema, clock=clock, path=path)
    add(first, "Account", Name="old")
    first.close()
    extra = tmp_path / "schema.yaml"
    extra.write_text(
        "Account: {fields: {Flag__c: {type: boolean}, Key__c: {unique: true, external_id: true}}}"
    )
    second = Org(schema=load_schema(extra), clock=clock, path=path)
    assert second.upsert("Account", "Key__c", [{"Key__c": "k", "Name": "new", "Flag__c": True}])[0].created
    assert rows(second, "SELECT Name, Flag__c, Key__c FROM Account") == [("old", 0, None), ("new", 1, "k")]
    second.close()


def test_a_reset_org_is_as_new(org: Org) -> None:
    identity = (org.org_id, org.user_id)
    first = add(org, "Account", Name="A")
    org.reset()
    assert org.query("SELECT COUNT() FROM Account").total_size == 0
    assert (org.org_id, org.user_id) == identity
    assert add(org, "Account", Name="B") == first


def test_a_row_is_read_with_parents_and_attributes(org: Org) -> None:
    parent = add(org, "Account", Name="P")
    child = add(org, "Account", Name="C", ParentId=parent)
    record = org.retrieve("account", child[:15], ["name", "Parent.Name", "Parent.Parent.Name"], data_url="/v")
    assert record == {
        "attributes": {"type": "Account", "url": f"/v/sobjects/Account/{child}"},
        "Name": "C",
        "Parent": {
            "attributes": {"type": "Account", "url": f"/v/sobjects/Account/{parent}"},
            "Name": "P",
            "Parent": None,
        },
    }


@pytest.mark.parametrize("id_", ["001xx0000000zzzAAA", "003xx0000000001AAA", "nonsense", ""])
def test_a_row_that_does_not_exist_is_not_found(org: Org, id_: str) -> None:
    with pytest.raises(SalesforceError) as caught:
        org.retrieve("Account", id_)
    assert (caught.value.code, caught.value.status) == ("NOT_FOUND", 404)


def test_an_unknown_field_of_a_row_is_invalid(org: Org) -> None:
    id_ = add(org, "Account", Name="A")
    with pytest.raises(SalesforceError, match="No such column 'Nope' on entity 'Account'"):
        org.retrieve("Account", id_, ["Id", "Nope"])


def test_a_key_value_that_the_field_can_not_hold_matches_nothing(org: Org) -> None:
    assert org.find_by_external_id("Account", "External_Id__c", "x" * 65) == []
    with pytest.raises(SalesforceError, match="Provided external ID field does not exist"):
        org.find_by_external_id("Account", "Name", "x")


def test_calls_in_a_transaction_happen_together_or_not_at_all(org: Org) -> None:
    with org.transaction() as outer:
        add(org, "Account", Name="A", External_Id__c="k")
        org.create("Account", [{"Name": "B"}, {}], all_or_none=True)
        assert rows(org, "SELECT Name FROM Account") == [("A",)]
        with org.transaction() as inner:
            add(org, "Account", Name="C")
            inner.rollback()
        assert rows(org, "SELECT Name FROM Account") == [("A",)]
        outer.rollback()
    assert rows(org, "SELECT Name FROM Account") == []
    with org.transaction():
        add(org, "Account", Name="D", External_Id__c="k")
    assert rows(org, "SELECT Name FROM Account") == [("D",)]


def test_an_exception_undoes_the_transaction(org: Org) -> None:
    def write_and_fail() -> None:
        with org.transaction():
            add(org, "Account", Name="A")
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert rows(org, "SELECT Name FROM Account") == []


def test_threads_write_and_read_at_the_same_time(org: Org) -> None:
    def work(number: int) -> int:
        org.create("Account", [{"Name": f"{number}-{row}"} for row in range(50)])
        return sum(1 for _ in org.query(f"SELECT Id FROM Account WHERE Name LIKE '{number}-%'").rows)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(12))) == [50] * 12
    assert org.query("SELECT COUNT() FROM Account").total_size == 600
