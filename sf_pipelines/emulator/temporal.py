"""Dates, dateTimes and times between Salesforce's text forms and the storage form.

Storage form: date 'YYYY-MM-DD' text, dateTime epoch milliseconds, time milliseconds of the day.
Belongs here: parsing and writing of the three. Not here: which error a bad value gives. Imports nothing of
the emulator.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|([+-])(\d\d):?(\d\d))",
    re.ASCII | re.IGNORECASE,
)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z?", re.ASCII | re.IGNORECASE)


def to_epoch_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970 of an aware moment."""
    return (moment - EPOCH) // _MS


@lru_cache(maxsize=16384)
def parse_date(text: str) -> str:
    """A date `yyyy-MM-dd`, unchanged when it exists in the calendar.

    Raises:
        ValueError: another form, or no such day.
    """
    if not _DATE.fullmatch(text):
        raise ValueError(f"'{text}' isn't a date yyyy-MM-dd")
    date.fromisoformat(text)
    return text


@lru_cache(maxsize=16384)
def parse_datetime(text: str) -> int:
    """Epoch milliseconds of `yyyy-MM-ddTHH:mm:ss[.SSS](Z|±HH:mm|±HHmm)`.

    Raises:
        ValueError: another form (an offset is a must), or no such moment.
    """
    match = _DATETIME.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' isn't a dateTime yyyy-MM-ddTHH:mm:ss.SSSZ")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    zone = UTC
    if match[9]:
        offset = timedelta(hours=int(match[10]), minutes=int(match[11]))
        zone = timezone(-offset if match[9] == "-" else offset)
    return to_epoch_ms(datetime(year, month, day, hour, minute, second, tzinfo=zone)) + _milliseconds(
        match[7]
    )


@lru_cache(maxsize=16384)
def parse_time(text: str) -> int:
    """Milliseconds of the day of `HH:mm:ss[.SSS][Z]`.

    Raises:
        ValueError: another form, or no such time.
    """
    match = _TIME.fullmatch(text)
    if match is None or int(match[1]) > 23 or int(match[2]) > 59 or int(match[3]) > 59:
        raise ValueError(f"'{text}' isn't a time HH:mm:ss.SSSZ")
    return ((int(match[1]) * 60 + int(match[2])) * 60 + int(match[3])) * 1000 + _milliseconds(match[4])


@lru_cache(maxsize=16384)
def datetime_text(epoch_ms: int) -> str:
    """`yyyy-MM-ddTHH:mm:ss.SSS` in UTC, without any zone mark."""
    return (EPOCH + timedelta(milliseconds=epoch_ms)).isoformat(timespec="milliseconds")[:-6]


def time_text(day_ms: int) -> str:
    """`HH:mm:ss.SSSZ`."""
    seconds, ms = divmod(day_ms, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}Z"


def _milliseconds(fraction: str | None) -> int:
    return int(fraction.ljust(3, "0")[:3]) if fraction else 0
