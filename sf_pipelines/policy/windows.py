"""Cutting a span of time into parts of a bearable number of rows. Pure: the counts are given.

Every counted row stays in exactly one part; spans without rows are read by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sf_pipelines.model.extract import Span
from sf_pipelines.model.slice import Window

ID_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""In the order in which the org compares Ids."""

ID_LENGTH = 15
"""Characters of an Id that count; the other three of 18 are a checksum of their case."""


def joined(spans: Iterable[Span], most_rows: int) -> list[Span]:
    """Neighbours joined while they hold no more than `most_rows` together; empty ones left out.

    Args:
        spans: of time alone, in order and not overlapping.
    """
    result: list[Span] = []
    for span in spans:
        if not span.rows:
            continue
        if result and result[-1].rows + span.rows <= most_rows:
            window = Window(start=result[-1].window.start, end=span.window.end)
            result[-1] = Span(window=window, rows=result[-1].rows + span.rows)
        else:
            result.append(span)
    return result


def days_of(window: Window) -> Iterator[Window]:
    """The UTC days of a window, the first and the last cut to it."""
    return _steps(window, timedelta(days=1))


def hours_of(window: Window) -> Iterator[Window]:
    """The same by hours."""
    return _steps(window, timedelta(hours=1))


def halves_of(window: Window) -> tuple[Window, Window] | None:
    """Two halves, cut at a whole millisecond; None where there is nothing to cut."""
    milliseconds = (window.end - window.start) // timedelta(milliseconds=2)
    if milliseconds == 0:
        return None
    middle = window.start + timedelta(milliseconds=milliseconds)
    return Window(start=window.start, end=middle), Window(start=middle, end=window.end)


def id_between(start: str, end: str) -> str | None:
    """The Id half-way between two; None where they are neighbours."""
    low, high = _id_number(start), _id_number(end)
    return _id_text((low + high) // 2) if high - low > 1 else None


def id_after(last: str) -> str:
    """The first Id behind one."""
    return _id_text(_id_number(last) + 1)


def rows_of(spans: Sequence[Span]) -> int:
    """Rows of all spans together."""
    return sum(span.rows for span in spans)


def _steps(window: Window, step: timedelta) -> Iterator[Window]:
    start = window.start
    while start < window.end:
        end = min(_floor(start, step) + step, window.end)
        yield Window(start=start, end=end)
        start = end


def _floor(when: datetime, step: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (when - epoch) // step * step


def _id_number(text: str) -> int:
    number = 0
    for character in text[:ID_LENGTH]:
        number = number * len(ID_DIGITS) + ID_DIGITS.index(character)
    return number


def _id_text(number: int) -> str:
    digits: list[str] = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(ID_DIGITS))
        digits.append(ID_DIGITS[digit])
    return "".join(reversed(digits))
