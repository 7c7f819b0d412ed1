from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.model.change import ReplayPosition, StreamedEvent
from sf_pipelines.policy.stream_position import PositionTracker
from sf_pipelines_tests.ledger.change_samples import NOON, change, undecodable

START = ReplayPosition(replay_id=b"start", last_commit_timestamp=NOON)


def number_after(events: list[StreamedEvent], *, start: ReplayPosition | None = START) -> int | bytes | None:
    tracker = PositionTracker(start)
    for event in events:
        tracker.take(event)
    position = tracker.position()
    if position is None or position.replay_id == b"start":
        return position and position.replay_id
    return int.from_bytes(position.replay_id)


@pytest.mark.parametrize(
    ("events", "number"),
    [
        ([], b"start"),
        ([change(1)], b"start"),
        ([change(1), change(2)], b"start"),
        ([change(1), change(2), change(3, transaction="t-2")], 2),
        ([change(1), change(2, transaction="t-2"), change(3, transaction="t-3")], 2),
        ([undecodable(1)], 1),
        ([undecodable(1), change(2)], 1),
        ([change(1), undecodable(2)], b"start"),
        ([change(1), undecodable(2), change(3, transaction="t-2")], 2),
    ],
    ids=[
        "nothing",
        "a transaction that may go on",
        "two events of one transaction",
        "the next transaction ends the one before",
        "each ends the one before",
        "unreadable, outside of a transaction",
        "unreadable, before a transaction",
        "unreadable, within a transaction",
        "unreadable, at the end of a transaction",
    ],
)
def test_a_position_is_never_within_a_transaction(events: list[StreamedEvent], number: int | bytes) -> None:
    assert number_after(events) == number


def test_within_the_very_first_transaction_there_is_no_earlier_end() -> None:
    assert number_after([], start=None) is None
    assert number_after([change(1), change(2)], start=None) == 2


def test_when_nothing_more_comes_all_that_came_is_whole() -> None:
    tracker = PositionTracker(START)
    tracker.take(change(1))
    assert tracker.is_within_transaction

    tracker.settle()

    position = tracker.position()
    assert position is not None
    assert (position.replay_id, position.open_transaction) == (change(1).replay_id, None)
    assert position.last_commit_timestamp == change(1).commit_timestamp


def test_a_keepalive_moves_the_position_beyond_all_events() -> None:
    tracker = PositionTracker(START)
    tracker.settle(b"latest")

    position = tracker.position()
    assert position is not None
    assert (position.replay_id, position.last_commit_timestamp) == (b"latest", NOON)


def test_a_transaction_that_was_cut_goes_on_from_its_beginning() -> None:
    cut = replace(START, open_transaction="t-1")

    assert number_after([change(1), change(2)], start=cut) == b"start"
    assert number_after([change(1), change(2, transaction="t-2")], start=cut) == 1


def test_a_commit_time_never_goes_back() -> None:
    tracker = PositionTracker(None)
    tracker.take(change(9))
    tracker.take(change(1))

    assert tracker.last_commit == change(9).commit_timestamp


@given(st.lists(st.integers(min_value=1, max_value=5), max_size=20), st.data())
def test_whoever_starts_again_from_the_position_misses_no_event(
    sizes: list[int], data: st.DataObject
) -> None:
    events = [
        change(sum(sizes[:group]) + number + 1, transaction=f"t-{group}")
        for group, size in enumerate(sizes)
        for number in range(size)
    ]
    stored = data.draw(st.integers(min_value=0, max_value=len(events)))

    number = number_after(list(events[:stored]))

    begins = 0 if number == b"start" else number
    assert isinstance(begins, int)
    assert begins <= stored
    keys = [event.transaction_key for event in events]
    assert begins == 0 or begins == len(events) or keys[begins - 1] != keys[begins]
