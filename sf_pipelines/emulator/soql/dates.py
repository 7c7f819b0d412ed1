"""SOQL date literals: TODAY, LAST_N_DAYS:7, THIS_QUARTER ... as half-open ranges of days.

Weeks start on Sunday, the fiscal year is the calendar year, and the user's time zone is UTC.
Belongs here: calendar arithmetic. Not here: SQL. Imports nothing of the emulator.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

DayRange = tuple[date, date]
"""First day, and the day after the last."""

# Only quarters and years have a fiscal form.
_FISCAL = r"(?:FISCAL_(?=QUARTER|YEAR))?"
_LITERAL = re.compile(rf"(THIS|LAST|NEXT)_{_FISCAL}(WEEK|MONTH|QUARTER|YEAR)", re.ASCII)
_COUNTED = re.compile(rf"(LAST|NEXT)_N_{_FISCAL}(DAY|WEEK|MONTH|QUARTER|YEAR)S:(\d{{1,4}})", re.ASCII)
_AGO = re.compile(rf"N_{_FISCAL}(DAY|WEEK|MONTH|QUARTER|YEAR)S_AGO:(\d{{1,4}})", re.ASCII)
_STEPS = {"THIS": 0, "LAST": -1, "NEXT": 1}


def date_range(name: str, today: date) -> DayRange | None:
    """The days that the literal `name` (any case) means on `today`; None when it isn't a date literal."""
    text = name.upper()
    if text in _NAMED:
        return _NAMED[text](today)
    if match := _LITERAL.fullmatch(text):
        start = _shift(_floor(today, match[2]), match[2], _STEPS[match[1]])
        return start, _shift(start, match[2], 1)
    if match := _COUNTED.fullmatch(text):
        return _counted(match[1], match[2], int(match[3]), today)
    if match := _AGO.fullmatch(text):
        start = _shift(_floor(today, match[1]), match[1], -int(match[2]))
        return start, _shift(start, match[1], 1)
    return None


def _counted(direction: str, unit: str, count: int, today: date) -> DayRange:
    """LAST_N_DAYS includes today; every other counted range leaves the running period out."""
    current = _floor(today, unit)
    following = _shift(current, unit, 1)
    if direction == "NEXT":
        return following, _shift(following, unit, count)
    return _shift(current, unit, -count), following if unit == "DAY" else current


def _day(offset: int) -> Callable[[date], DayRange]:
    return lambda today: (today + timedelta(days=offset), today + timedelta(days=offset + 1))


def _last_90_days(today: date) -> DayRange:
    return _counted("LAST", "DAY", 90, today)


def _next_90_days(today: date) -> DayRange:
    return _counted("NEXT", "DAY", 90, today)


def _floor(day: date, unit: str) -> date:
    """The first day of the unit that holds `day`."""
    if unit == "DAY":
        return day
    if unit == "WEEK":
        return day - timedelta(days=(day.weekday() + 1) % 7)
    if unit == "MONTH":
        return day.replace(day=1)
    if unit == "QUARTER":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1)


def _shift(day: date, unit: str, count: int) -> date:
    """`day` moved by `count` units; a first day of a month stays one."""
    if unit in ("DAY", "WEEK"):
        return day + timedelta(days=count * (7 if unit == "WEEK" else 1))
    months = day.year * 12 + day.month - 1 + count * {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit]
    year, month = months // 12, months % 12 + 1
    if not date.min.year <= year <= date.max.year:
        return date.min if year < date.min.year else date.max
    return date(year, month, min(day.day, monthrange(year, month)[1]))


_NAMED: dict[str, Callable[[date], DayRange]] = {
    "TODAY": _day(0),
    "YESTERDAY": _day(-1),
    "TOMORROW": _day(1),
    "LAST_90_DAYS": _last_90_days,
    "NEXT_90_DAYS": _next_90_days,
}
