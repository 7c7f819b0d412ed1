"""Windows sized by counts, on a real org in small: every row is in one part, and no part holds too many."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.model.extract import Span
from sf_pipelines.model.slice import Window
from sf_pipelines.workflows.extract_plan import Counter, parts_of, smaller
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import DAY

MONTH = Window(start=DAY.start, end=DAY.start + timedelta(days=30))


def changed_at(emulator: EmulatorServer, clock: Clock, moments: dict[datetime, int]) -> None:
    """So many accounts at each moment."""
    org = emulator.surface.org
    for moment, rows in sorted(moments.items()):
        clock.set(moment)
        records = [{"Name": f"{moment:%d-%H} {number}"} for number in range(rows)]
        assert all(result.success for result in org.create("Account", records, user_id=org.user_id))
    clock.set(MONTH.end + timedelta(hours=1))


@pytest.fixture
def counter(tools: Tools) -> Counter:
    return Counter(rest=tools.client.rest, sobject="Account", include_deleted=True)


def check(parts: list[Span], counter: Counter, *, rows: int, most_rows: int) -> None:
    assert [counter.count(part.window, part.ids) for part in parts] == [part.rows for part in parts]
    assert sum(part.rows for part in parts) == rows
    assert all(0 < part.rows <= most_rows for part in parts)


def test_a_month_is_counted_in_one_call_and_quiet_days_are_joined(
    tools: Tools, emulator: EmulatorServer, clock: Clock, counter: Counter
) -> None:
    changed_at(emulator, clock, {MONTH.start + timedelta(days=day, hours=5): 3 for day in (1, 2, 20, 29)})
    calls = tools.client.org.calls_made

    parts = parts_of(counter.by_day(MONTH), counter, 6)

    assert tools.client.org.calls_made - calls == 1
    assert [(part.window.start.day, part.rows) for part in parts] == [(5, 6), (24, 6)]
    check(parts, counter, rows=12, most_rows=6)


def test_an_empty_month_has_no_parts(counter: Counter, clock: Clock) -> None:
    clock.set(MONTH.end)
    assert parts_of(counter.by_day(MONTH), counter, 6) == []


def test_a_busy_day_is_cut_by_hours_and_a_busy_hour_by_ids(
    emulator: EmulatorServer, clock: Clock, counter: Counter
) -> None:
    busy = MONTH.start + timedelta(days=3)
    changed_at(
        emulator,
        clock,
        {busy + timedelta(hours=1): 4, busy + timedelta(hours=2): 4, busy + timedelta(hours=9): 23},
    )

    parts = parts_of(counter.by_day(MONTH), counter, 5)

    assert [part.rows for part in parts if part.ids is None] == [4, 4]
    ranges = [part.ids for part in parts if part.ids is not None]
    assert len(ranges) >= 5
    assert (ranges[0].start, ranges[-1].end) == (None, None)
    check(parts, counter, rows=31, most_rows=5)


def test_a_part_that_was_too_much_is_cut_into_smaller_ones(
    emulator: EmulatorServer, clock: Clock, counter: Counter
) -> None:
    changed_at(emulator, clock, {MONTH.start + timedelta(hours=5): 8})
    (part,) = parts_of(counter.by_day(DAY), counter, 100)

    halves = smaller(part, counter)
    quarters = [quarter for half in halves for quarter in smaller(half, counter)]

    check(halves, counter, rows=8, most_rows=4)
    check(quarters, counter, rows=8, most_rows=2)


def test_one_row_cannot_be_cut(emulator: EmulatorServer, clock: Clock, counter: Counter) -> None:
    changed_at(emulator, clock, {MONTH.start + timedelta(hours=5): 1})
    (part,) = parts_of(counter.by_day(DAY), counter, 100)
    assert smaller(part, counter) == []


def test_a_count_that_takes_the_org_too_long_is_asked_in_halves(
    emulator: EmulatorServer, clock: Clock, counter: Counter
) -> None:
    changed_at(emulator, clock, {MONTH.start + timedelta(days=day, hours=20): 2 for day in (0, 7)})
    emulator.surface.faults.add(
        {"kind": "status", "status": 400, "code": "QUERY_TIMEOUT", "path": "*/queryAll*", "first": 2}
    )

    spans = counter.by_day(MONTH)

    assert {span.window.start.day: span.rows for span in spans if span.rows} == {4: 2, 11: 2}
