"""The injected clock of the emulator.

Belongs here: the time that the org believes in, and waiting for it or for a change. Not here: who waits for
what. Imports nothing of the emulator.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Condition


class Clock:
    """A thread-safe clock that runs at wall speed from an injected start, or stands still when frozen.

    Everything in the emulator that waits does so here, so that a test that moves the clock ends the wait.
    """

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        """Start at `start` (None: the wall time). A frozen clock moves only by `advance` and `set`."""
        self.changed = Condition()
        """Notified by `wake`; also the lock of small state that others wait for. Re-entrant."""
        self._frozen = frozen
        self._base = _aware(start or datetime.now(UTC))
        self._mark = time.monotonic()
        self.waiting = 0
        """Threads that are blocked in `wait_for`."""
        self._wakes = 0
        self._listeners: set[Callable[[], object]] = set()

    @property
    def is_frozen(self) -> bool:
        """True while only `advance` and `set` move it."""
        return self._frozen

    def now(self) -> datetime:
        """The org's time, aware UTC, truncated to milliseconds (the resolution of a Salesforce dateTime)."""
        with self.changed:
            moment = self._moment()
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> None:
        """Move the clock by `seconds` (negative moves it back)."""
        with self.changed:
            self._base += timedelta(seconds=seconds)
        self.wake()

    def set(self, when: datetime) -> None:
        """Let the clock continue from `when` (aware)."""
        with self.changed:
            self._base = _aware(when)
            self._mark = time.monotonic()
        self.wake()

    def freeze(self) -> None:
        """Stand still from now on."""
        self._rebase(frozen=True)

    def resume(self) -> None:
        """Run on at wall speed."""
        self._rebase(frozen=False)

    def wake(self) -> None:
        """Let everyone who waits look again."""
        with self.changed:
            self._wakes += 1
            self.changed.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Call `listener` at every wake; the value ends that."""
        with self.changed:
            self._listeners.add(listener)
            self.changed.notify_all()
        return lambda: self._listeners.discard(listener)

    @property
    def listening(self) -> int:
        """How many listeners there are."""
        return len(self._listeners)

    def wait_for(self, is_met: Callable[[], bool], until: datetime | None = None) -> bool:
        """Block until `is_met()`, or until the org's time is `until`.

        `is_met` is asked at every wake, without any lock held: whoever changes what it looks at wakes the
        clock after that.

        Returns:
            False when the time came first.
        """
        if is_met():
            return True
        with self.changed:
            self.waiting += 1
            self.changed.notify_all()
        try:
            return self._wait(is_met, until)
        finally:
            with self.changed:
                self.waiting -= 1
                self.changed.notify_all()

    def _wait(self, is_met: Callable[[], bool], until: datetime | None) -> bool:
        while True:
            wakes = self._wakes
            if is_met():
                return True
            with self.changed:
                left = self.seconds_until(until)
                if left is not None and left <= 0:
                    return False
                if wakes == self._wakes:
                    self.changed.wait(None if self._frozen else left)

    def seconds_until(self, when: datetime | None) -> float | None:
        """Seconds of the org's time that are left, negative past `when`; None when `when` is."""
        if when is None:
            return None
        with self.changed:
            return (when - self._moment()).total_seconds()

    def after(self, seconds: float) -> datetime:
        """The time in `seconds` from now, to the microsecond."""
        with self.changed:
            return self._moment() + timedelta(seconds=seconds)

    def _rebase(self, *, frozen: bool) -> None:
        with self.changed:
            self._base, self._mark = self._moment(), time.monotonic()
            self._frozen = frozen
        self.wake()

    def _moment(self) -> datetime:
        return self._base if self._frozen else self._base + timedelta(seconds=time.monotonic() - self._mark)


def _aware(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise ValueError(
            "The emulator's clock needs an aware datetime: give it a time zone, for example UTC."
        )
    return when.astimezone(UTC)
