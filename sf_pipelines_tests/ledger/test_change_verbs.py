from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Thread

import pytest
from sqlalchemy import Engine, select, text

from sf_pipelines.config.change_settings import StartFrom
from sf_pipelines.ledger.change_queries import (
    change_counts,
    channel_states,
    open_gaps,
    pending_changes,
    stored_schema,
    stream_starts,
)
from sf_pipelines.ledger.change_tables import change_event
from sf_pipelines.ledger.change_verbs import ChangeLedger, ChannelTakenError, StoredBatch, mark_applied
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.locks import ChannelBusyError, channel_lock
from sf_pipelines.model.change import ReplayPosition, StreamedEvent
from sf_pipelines.model.gap import Gap, GapCause
from sf_pipelines_tests.ledger.change_samples import CHANNEL, HOLDER, change, undecodable
from sf_pipelines_tests.ledger.samples import NOON, Clock

TEXTS = 'a "quoted\\ text",\twith {braces}\r\nand NUL \x00, \ud800 and ü'


@pytest.fixture
def changes(engine: Engine) -> ChangeLedger:
    ledger = ChangeLedger(engine, clock=Clock())
    ledger.take_channel(CHANNEL, HOLDER)
    return ledger


def at(event: StreamedEvent, *, open_transaction: str | None = None) -> ReplayPosition:
    return ReplayPosition(
        replay_id=event.replay_id, last_commit_timestamp=NOON, open_transaction=open_transaction
    )


def store(
    changes: ChangeLedger,
    *events: StreamedEvent,
    open_transaction: str | None = None,
    gaps: tuple[Gap, ...] = (),
) -> StoredBatch:
    position = at(events[-1], open_transaction=open_transaction)
    return changes.store_change_batch(CHANNEL, events, position, holder=HOLDER, gaps=gaps)


def pending_numbers(engine: Engine, *, limit: int = 100) -> list[int]:
    with engine.begin() as connection:
        return [row.sequence_number for row in pending_changes(connection, "Account", limit=limit)]


def test_events_come_out_as_they_went_in_and_the_position_with_them(
    changes: ChangeLedger, engine: Engine
) -> None:
    event = change(1, values={"Name": TEXTS, "Site": None}, changed_fields=(TEXTS,), diff_fields=("Name",))

    assert store(changes, event, change(2)) == StoredBatch(events=2, gaps=0)

    with engine.begin() as connection:
        first, second = pending_changes(connection, "Account", limit=10)
    kept = TEXTS.replace("\x00", "\u2400").replace("\ud800", "?")
    assert first.values == {"Name": kept, "Site": None}
    assert first.changed_fields == [kept]
    assert (first.diff_fields, second.diff_fields) == (["Name"], [])
    assert first.commit_timestamp == event.commit_timestamp
    assert (bytes(first.replay_id), first.commit_number) == (event.replay_id, event.commit_number)
    (state,) = channel_states(engine)
    assert state.position == at(change(2))
    assert state.updated_at is not None


def test_an_event_that_comes_again_is_stored_once_and_its_gap_is_not_opened_again(
    changes: ChangeLedger, engine: Engine
) -> None:
    store(changes, change(1), change(2))
    gaps = tuple(replace(id_gap(f"00{number}"), replay_id=number.to_bytes(8)) for number in (2, 3))

    assert store(changes, change(2), change(3), gaps=gaps) == StoredBatch(events=1, gaps=1)

    assert pending_numbers(engine) == [1, 2, 3]
    assert [gap.record_ids for gap in open_gaps(engine)] == [["003"]]


def test_a_replay_id_that_an_org_uses_anew_for_another_event_is_another_event(
    changes: ChangeLedger, engine: Engine
) -> None:
    store(changes, change(1))
    store(changes, change(1, event_id="after a refresh of the sandbox"))

    assert pending_numbers(engine) == [1, 1]


def test_a_subscriber_that_lost_its_channel_stores_nothing(changes: ChangeLedger, engine: Engine) -> None:
    changes.take_channel(CHANNEL, "worker-2")

    with pytest.raises(ChannelTakenError, match="held by another subscriber"):
        store(changes, change(1))
    with pytest.raises(ChannelTakenError):
        changes.record_start(CHANNEL, StartFrom.LATEST, holder=HOLDER, reason="a reason")

    assert pending_numbers(engine) == []
    assert stream_starts(engine) == []


def test_nothing_is_stored_where_a_part_of_the_batch_cannot_be(changes: ChangeLedger, engine: Engine) -> None:
    with pytest.raises(Exception, match="change_type"):
        store(changes, change(1), replace(change(2), change_type=_NoType("NEW_KIND")))

    (state,) = channel_states(engine)
    assert state.position is None
    assert pending_numbers(engine) == []


class _NoType(str):
    value = "NEW_KIND"


def test_an_event_that_cannot_be_read_is_kept_as_it_came_and_is_never_merged(
    changes: ChangeLedger, engine: Engine
) -> None:
    store(changes, change(1), undecodable(2))

    assert pending_numbers(engine) == [1]
    with engine.connect() as connection:
        row = connection.execute(select(change_event).where(change_event.c.payload.is_not(None))).one()
    assert bytes(row.payload) == undecodable(2).payload
    assert row.unreadable_because == "The org knows no schema schema-9."


def test_a_transaction_is_not_merged_before_it_is_stored_whole(changes: ChangeLedger, engine: Engine) -> None:
    store(changes, change(1), change(2, transaction="t-2"), open_transaction="t-2")
    assert pending_numbers(engine) == [1]

    store(changes, change(3, transaction="t-2"))
    assert pending_numbers(engine) == [1, 2, 3]


@pytest.mark.parametrize(("limit", "numbers"), [(1, [1, 2]), (2, [1, 2]), (3, [1, 2, 3]), (9, [1, 2, 3])])
def test_a_limit_never_cuts_a_transaction(
    changes: ChangeLedger, engine: Engine, limit: int, numbers: list[int]
) -> None:
    store(changes, change(1), change(2), change(3, transaction="t-2"))

    assert pending_numbers(engine, limit=limit) == numbers


def test_what_is_merged_is_pending_no_more_and_can_be_forgotten(
    changes: ChangeLedger, engine: Engine
) -> None:
    store(changes, change(1), change(2))
    with engine.begin() as connection:
        first, _ = pending_changes(connection, "Account", limit=10)
        assert mark_applied(connection, [first.id], applied_at=NOON) == 1
        assert mark_applied(connection, [first.id], applied_at=NOON) == 0

    assert pending_numbers(engine) == [2]
    (count,) = change_counts(engine)
    assert (count.sobject, count.events, count.pending) == ("Account", 2, 1)
    assert changes.forget_applied(NOON + timedelta(seconds=1)) == 1
    assert change_counts(engine)[0].events == 1


def test_a_start_elsewhere_is_recorded_with_what_was_given_up(changes: ChangeLedger, engine: Engine) -> None:
    store(changes, change(7), open_transaction="t-1")
    gap = id_gap("001")
    changes.record_start(CHANNEL, StartFrom.EARLIEST, holder=HOLDER, reason="The id is too old.", gaps=[gap])

    (start,) = stream_starts(engine, channel=CHANNEL)
    assert (start.start_from, bytes(start.refused_replay_id or b"")) == ("earliest", change(7).replay_id)
    (state,) = channel_states(engine)
    assert (state.position, state.last_commit_timestamp) == (None, NOON)
    assert len(open_gaps(engine)) == 1
    assert pending_numbers(engine) == [7]


def test_a_schema_is_kept_once(changes: ChangeLedger, engine: Engine) -> None:
    changes.keep_schema("schema-1", '{"type": "record"}')
    changes.keep_schema("schema-1", "another")

    assert stored_schema(engine, "schema-1") == '{"type": "record"}'
    assert stored_schema(engine, "schema-2") is None


def id_gap(record_id: str) -> Gap:
    return Gap(
        channel=CHANNEL, sobject="Account", cause=GapCause.GAP_EVENT, detail="A gap.", record_ids=(record_id,)
    )


def test_a_channel_has_one_subscriber_and_the_next_gets_it_when_that_one_ends(engine: Engine) -> None:
    with channel_lock(engine, CHANNEL, wait_seconds=0.01):
        with (
            pytest.raises(ChannelBusyError, match="Another subscriber reads"),
            channel_lock(engine, CHANNEL, wait_seconds=0.01),
        ):
            pytest.fail("two subscribers hold one channel")
        with channel_lock(engine, "/data/ChangeEvents", wait_seconds=0.01):
            pass
    with channel_lock(engine, CHANNEL, wait_seconds=0.01):
        pass


def test_a_database_that_is_lost_while_events_go_in_is_told_as_such(
    changes: ChangeLedger, engine: Engine
) -> None:
    errors: list[Exception] = []

    def store_one() -> None:
        try:
            store(changes, change(1))
        except Exception as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    watching = engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as locking, watching.connect() as watch:
        locking.execute(text("LOCK TABLE ledger.change_event IN ACCESS EXCLUSIVE MODE"))
        thread = Thread(target=store_one)
        thread.start()
        ended = None
        while ended is None:
            ended = watch.execute(text(_END_WAITING)).scalar_one_or_none()
        thread.join(30)

    assert [type(error) for error in errors] == [LedgerError]
    store(changes, change(1))
    assert pending_numbers(engine) == [1]


_END_WAITING = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'COPY%'
"""
