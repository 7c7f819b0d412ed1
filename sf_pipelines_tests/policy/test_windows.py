from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sf_pipelines.model.extract import Span
from sf_pipelines.model.slice import Window
from sf_pipelines.policy.windows import days_of, halves_of, hours_of, id_after, id_between, joined, rows_of

START = datetime(2026, 1, 1, tzinfo=UTC)
A_DAY = timedelta(days=1)

counts = st.lists(st.integers(0, 40), max_size=40)


def days(rows: list[int]) -> list[Span]:
    return [
        Span(window=Window(start=START + day * A_DAY, end=START + (day + 1) * A_DAY), rows=count)
        for day, count in enumerate(rows)
    ]


@settings(deadline=None, derandomize=True, database=None)
@given(rows=counts, most_rows=st.integers(1, 60))
def test_joined_days_hold_every_row_once_and_no_more_than_they_may(rows: list[int], most_rows: int) -> None:
    spans = days(rows)

    parts = joined(spans, most_rows)

    assert rows_of(parts) == sum(rows)
    for before, after in pairwise(parts):
        assert before.window.end <= after.window.start
    for part in parts:
        inside = [
            span
            for span in spans
            if part.window.start <= span.window.start and span.window.end <= part.window.end
        ]
        assert part.rows == rows_of(inside) > 0
        assert part.rows <= most_rows or len(inside) == 1


def test_neighbours_are_joined_over_empty_days_and_empty_ends_are_left_out() -> None:
    assert joined(days([0, 2, 0, 3, 9, 0]), 5) == [
        Span(window=Window(start=START + A_DAY, end=START + 4 * A_DAY), rows=5),
        Span(window=Window(start=START + 4 * A_DAY, end=START + 5 * A_DAY), rows=9),
    ]


def test_days_and_hours_are_cut_to_the_window() -> None:
    window = Window(start=START + timedelta(hours=22, minutes=30), end=START + timedelta(hours=25))

    assert [(item.start.hour, item.end.hour) for item in days_of(window)] == [(22, 0), (0, 1)]
    assert [(item.start.hour, item.start.minute) for item in hours_of(window)] == [(22, 30), (23, 0), (0, 0)]


def test_halves_meet_at_a_whole_millisecond_until_there_is_nothing_to_cut() -> None:
    window = Window(start=START, end=START + timedelta(milliseconds=3))

    first, second = halves_of(window) or (None, None)

    assert first == Window(start=START, end=START + timedelta(milliseconds=1))
    assert second == Window(start=START + timedelta(milliseconds=1), end=window.end)
    assert halves_of(Window(start=START, end=START + timedelta(milliseconds=1))) is None


ids = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=12, max_size=12).map(
    lambda text: f"001{text}"
)


@settings(deadline=None, derandomize=True, database=None)
@given(one=ids, other=ids)
def test_the_id_between_two_stands_between_them(one: str, other: str) -> None:
    low, high = sorted((one, other))
    middle = id_between(low, high)
    assert middle is None or (low < middle < high and len(middle) == 15)


def test_neighbouring_ids_have_nothing_between_them() -> None:
    assert id_after("00100000000000z") == "001000000000010"
    assert id_between("00100000000000z", "001000000000010") is None
