"""The cap on requests that take long: 25 that run for 20 seconds and more stop the next one.

Belongs here: counting requests in flight by age. Not here: the daily allocation (limits.py). Imports clock,
errors.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from threading import Lock

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError

# [D] section 4.
LONG_REQUEST_SECONDS = 20.0
MOST_LONG_REQUESTS = 25
CONCURRENT_LONG_REQUESTS = "ConcurrentPerOrgLongTxn"


class LongRequests:
    """The requests in flight. Thread-safe."""

    def __init__(self, clock: Clock, most: int = MOST_LONG_REQUESTS) -> None:
        """Let at most `most` long requests run."""
        self._clock = clock
        self._lock = Lock()
        self._numbers = count()
        self._started: dict[int, float] = {}
        self._most = most
        self.of_neighbours = 0
        """Long requests that other applications of the org have in flight."""

    @property
    def most(self) -> int:
        """The cap."""
        return self._most

    @contextmanager
    def running(self) -> Generator[None, None, None]:
        """Count a request while the block runs.

        Raises:
            SalesforceError: 403, too many long ones are in flight.
        """
        now = self._clock.now().timestamp()
        with self._lock:
            if self._long_ones(now) >= self._most:
                raise limit_exceeded(CONCURRENT_LONG_REQUESTS)
            number = next(self._numbers)
            self._started[number] = now
        try:
            yield
        finally:
            with self._lock:
                del self._started[number]

    def _long_ones(self, now: float) -> int:
        # Requests are kept in the order of their start, so the first short one ends the count.
        long_ones = self.of_neighbours
        for started in self._started.values():
            if now - started < LONG_REQUEST_SECONDS:
                break
            long_ones += 1
        return long_ones


def limit_exceeded(limit: str) -> SalesforceError:
    """403 REQUEST_LIMIT_EXCEEDED of `TotalRequests` or `ConcurrentPerOrgLongTxn` ([D] section 3.5)."""
    return SalesforceError("REQUEST_LIMIT_EXCEEDED", f"{limit} Limit exceeded.", status=403)
