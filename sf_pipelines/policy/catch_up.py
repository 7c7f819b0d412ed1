"""Which days of a sync were missed: from its first to its last due day, those that no run has read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from sf_pipelines.model.slice import Window
from sf_pipelines.policy.windows import days_of

MOST_DAYS = 31
"""Days that are asked for at once, which is what one run reads."""


def missed_days(read: Sequence[Window], *, due_before: datetime) -> list[date]:
    """UTC days that lie behind the first day that was read, are over, and are not read to their end.

    Args:
        read: windows that were read to their end.
        due_before: days that end later are not due yet.
    """
    if not read:
        return []
    first = min(window.start for window in read)
    covered = {day.start.date() for window in read for day in days_of(window) if _is_whole(day)}
    due = (day for day in days_of(Window(start=first, end=due_before)) if _is_whole(day))
    return [day.start.date() for day in due if day.start.date() not in covered]


def first_stretch(days: Iterable[date]) -> tuple[date, date] | None:
    """The first and the last of the earliest days that follow each other, at most a month of them."""
    ordered = sorted(days)
    if not ordered:
        return None
    last = ordered[0]
    for day in ordered[1:MOST_DAYS]:
        if day - last != timedelta(days=1):
            break
        last = day
    return ordered[0], last


def _is_whole(day: Window) -> bool:
    return day.end - day.start == timedelta(days=1)
