"""The injected clock of the emulator.

Belongs here: the time that the org believes in. Not here: waiting or scheduling. Imports nothing of the
emulator.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import Lock


class Clock:
    """A thread-safe clock that runs at wall speed from an injected start, or stands still when frozen."""

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        """Start at `start` (None: the wall time). A frozen clock moves only by `advance` and `set`."""
        self._lock = Lock()
        self._frozen = frozen
        self._base = _aware(start or datetime.now(UTC))
        self._mark = time.monotonic()

    def now(self) -> datetime:
        """The org's time, aware UTC, truncated to milliseconds (the resolution of a Salesforce dateTime)."""
        with self._lock:
            moment = self._moment()
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds` (negative moves it back)."""
        with self._lock:
            self._base += timedelta(seconds=seconds)

    def set(self, when: datetime) -> None:
        """Let the clock continue from `when` (aware)."""
        with self._lock:
            self._base = _aware(when)
            self._mark = time.monotonic()

    def _moment(self) -> datetime:
        return self._base if self._frozen else self._base + timedelta(seconds=time.monotonic() - self._mark)


def _aware(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise ValueError(
            "The emulator's clock needs an aware datetime: give it a time zone, for example UTC."
        )
    return when.astimezone(UTC)
