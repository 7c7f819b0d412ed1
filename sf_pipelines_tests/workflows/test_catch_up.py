from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.ledger.locks import sync_lock
from sf_pipelines.model.rail import Direction
from sf_pipelines.model.slice import Window
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.workflows.catch_up import MOST_ATTEMPTS, CatchUp, look_for_missed_nights
from sf_pipelines.workflows.extract import ExtractRequest, run_extract
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import DAY

SYNC = ExtractSync(name="account_extract", sobject="Account", fields=("Name",))
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


def read(tools: Tools, first: int, last: int) -> None:
    window = Window(start=datetime(2026, 3, first, tzinfo=UTC), end=datetime(2026, 3, last + 1, tzinfo=UTC))
    run_extract(ExtractRequest(sync=SYNC, window=window), tools)


@pytest.fixture(autouse=True)
def later(clock: Clock) -> None:
    clock.set(NOW)


def look(tools: Tools) -> CatchUp:
    return look_for_missed_nights(tools.engine, [SYNC.name, "never_ran"], NOW)


def test_the_earliest_nights_that_follow_each_other_are_asked_for_until_none_is_left(tools: Tools) -> None:
    read(tools, 1, 2)
    read(tools, 6, 6)

    (nights,) = look(tools).requests
    assert (nights.first, nights.last, nights.attempt, nights.missed) == (
        date(2026, 3, 3), date(2026, 3, 5), 1, 6,
    )  # fmt: skip
    read(tools, 3, 5)
    (nights,) = look(tools).requests
    assert (nights.first, nights.last) == (date(2026, 3, 7), date(2026, 3, 9))
    read(tools, 7, 9)
    assert look(tools) == CatchUp(requests=(), waiting=())


def test_nights_that_keep_failing_wait_for_a_person(tools: Tools) -> None:
    read(tools, 3, 3)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        (nights,) = look(tools).requests
        assert nights.attempt == attempt
        failed = tools.ledger.start_run(
            sync=SYNC.name,
            sobject="Account",
            direction=Direction.EXTRACT,
            partition_key=None,
            dagster_run_id=None,
            window=Window(start=DAY.start, end=DAY.start + timedelta(days=6)),
        )
        tools.ledger.fail_run(failed, error="no")

    found = look(tools)

    assert found.requests == ()
    assert "lacks 6 nights from 2026-03-04 on; 3 runs have failed on them" in found.waiting[0]


def test_a_sync_under_way_is_left_alone(tools: Tools) -> None:
    read(tools, 3, 3)
    with sync_lock(tools.engine, SYNC.name):
        found = look(tools)
    assert found.requests == ()
    assert "a run works on the sync" in found.waiting[0]
