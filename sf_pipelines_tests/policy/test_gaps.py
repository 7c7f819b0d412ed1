from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sf_pipelines.model.change import ChangeEvent, ChangeType, ReplayPosition, UndecodableEvent
from sf_pipelines.model.gap import Gap, GapCause
from sf_pipelines.policy.gaps import (
    CLOCK_TOLERANCE,
    RETENTION,
    gap_of_downtime,
    gap_of_event,
    gap_of_first_start,
    gap_of_refused_position,
    gap_of_silence,
    gap_of_spent_allocation,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
COMMITTED = NOON - timedelta(minutes=3)
CHANNEL = "/data/ChangeEvents"
EVENT = ChangeEvent(
    replay_id=b"\x07",
    event_id="e-1",
    schema_id="s-1",
    sobject="Account",
    change_type=ChangeType.UPDATE,
    change_origin="",
    transaction_key="t-1",
    sequence_number=1,
    commit_timestamp=COMMITTED,
    commit_number=1,
    commit_user="005000000000001AAA",
    record_ids=("001000000000001AAA", "001000000000002AAA"),
)
POSITION = ReplayPosition(replay_id=b"\x06", last_commit_timestamp=COMMITTED)


def gap_of(event: ChangeEvent | UndecodableEvent) -> Gap | None:
    return gap_of_event(CHANNEL, event, since=COMMITTED, now=NOON)


@pytest.mark.parametrize(
    "kind", [ChangeType.CREATE, ChangeType.UPDATE, ChangeType.DELETE, ChangeType.UNDELETE]
)
def test_an_event_that_tells_what_changed_opens_no_gap(kind: ChangeType) -> None:
    assert gap_of(replace(EVENT, change_type=kind)) is None


@pytest.mark.parametrize(
    "kind",
    [ChangeType.GAP_CREATE, ChangeType.GAP_UPDATE, ChangeType.GAP_DELETE, ChangeType.GAP_UNDELETE],
)
def test_a_gap_event_puts_exactly_its_records_in_doubt(kind: ChangeType) -> None:
    gap = gap_of(replace(EVENT, change_type=kind))

    assert gap is not None
    assert (gap.cause, gap.sobject, gap.record_ids) == (GapCause.GAP_EVENT, "Account", EVENT.record_ids)
    assert (gap.from_timestamp, gap.replay_id) == (COMMITTED, EVENT.replay_id)


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (
            replace(EVENT, change_type=ChangeType.GAP_OVERFLOW, record_ids=("000000000000000AAA",)),
            GapCause.OVERFLOW,
        ),
        (replace(EVENT, record_ids=("001*",)), GapCause.WILDCARD_IDS),
        (replace(EVENT, change_type=ChangeType.GAP_UPDATE, record_ids=("001*",)), GapCause.WILDCARD_IDS),
    ],
    ids=["overflow", "wildcard", "wildcard of a gap event"],
)
def test_an_event_that_names_no_records_puts_the_whole_object_in_doubt(
    event: ChangeEvent, cause: GapCause
) -> None:
    gap = gap_of(event)

    assert gap is not None
    assert (gap.cause, gap.sobject, gap.record_ids, gap.from_timestamp) == (cause, "Account", None, None)


@pytest.mark.parametrize("sobject", ["Account", None])
def test_an_event_that_cannot_be_read_opens_a_window_since_the_last_one_that_could(
    sobject: str | None,
) -> None:
    event = UndecodableEvent(
        replay_id=b"\x08", event_id="e-2", schema_id="s-2", sobject=sobject, payload=b"", reason="No schema."
    )

    gap = gap_of(event)

    assert gap is not None
    assert (gap.sobject, gap.cause) == (sobject, GapCause.UNDECODABLE_EVENT)
    assert (gap.from_timestamp, gap.to_timestamp) == (COMMITTED - CLOCK_TOLERANCE, NOON + CLOCK_TOLERANCE)
    assert "No schema." in gap.detail


@pytest.mark.parametrize(
    ("channel", "sobject"),
    [
        ("/data/AccountChangeEvent", "Account"),
        ("/data/Invoice__ChangeEvent", "Invoice__c"),
        ("/data/ChangeEvents", None),
        ("/data/Sales__chn", None),
    ],
)
def test_a_gap_of_a_channel_names_the_object_where_the_channel_carries_but_one(
    channel: str, sobject: str | None
) -> None:
    assert gap_of_first_start(channel, NOON).sobject == sobject
    assert gap_of_spent_allocation(channel, COMMITTED).sobject == sobject


def test_a_position_that_was_confirmed_within_the_retention_needs_no_repair() -> None:
    assert gap_of_downtime(CHANNEL, POSITION, heard_at=NOON - RETENTION, now=NOON) is None


def test_downtime_beyond_the_retention_is_repaired_from_the_last_commit() -> None:
    heard_at = NOON - RETENTION - timedelta(seconds=1)
    position = replace(POSITION, last_commit_timestamp=heard_at - timedelta(hours=5))

    gap = gap_of_downtime(CHANNEL, position, heard_at=heard_at, now=NOON)

    assert gap is not None
    assert gap.cause is GapCause.DOWNTIME
    assert gap.from_timestamp == heard_at - timedelta(hours=5) - CLOCK_TOLERANCE
    assert "72 hours, and events are kept for 72" in gap.detail


def test_a_refused_replay_id_puts_everything_since_the_last_commit_in_doubt() -> None:
    gap = gap_of_refused_position(CHANNEL, COMMITTED, now=NOON, told="corrupted.")
    unknown = gap_of_refused_position(CHANNEL, None, now=NOON, told="corrupted.")

    assert (gap.from_timestamp, gap.to_timestamp) == (COMMITTED - CLOCK_TOLERANCE, NOON + CLOCK_TOLERANCE)
    assert unknown.from_timestamp is None
    assert "corrupted." in gap.detail


def test_a_silent_stream_ends_now_and_a_spent_allocation_goes_on() -> None:
    silence = gap_of_silence(CHANNEL, COMMITTED, now=NOON, silent_seconds=300)

    assert (silence.cause, silence.to_timestamp) == (GapCause.SILENT_STREAM, NOON + CLOCK_TOLERANCE)
    assert gap_of_spent_allocation(CHANNEL, COMMITTED).to_timestamp is None
