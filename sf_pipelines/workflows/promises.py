"""What the runs of this process were promised: kept alive while they work, trued up, and given back.

Opened with the tools and closed with them. Where a process dies, its promises lapse by their lease.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from uuid import UUID

from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget
from sf_pipelines.rails.ports import OrgPort

LEASE_SECONDS = 300.0
HEARTBEAT_SECONDS = 60.0
"""A lease survives four heartbeats that fail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Promise:
    book: QuotaBook
    units: Mapping[str, int]
    org: OrgPort
    calls_before: int

    def used(self) -> dict[str, int]:
        """API calls as counted; of the other quotas all that was promised, since Bulk takes them at once."""
        calls = self.org.calls_made - self.calls_before
        return {**self.units, DAILY_API_REQUESTS: calls}

    def note_reading(self) -> None:
        """Keep what the newest answer told of the API calls on the side: it cost nothing."""
        usage = self.org.api_usage
        if usage is not None:
            left = Budget(maximum=usage.maximum, remaining=usage.maximum - usage.used)
            self.book.record_answer({DAILY_API_REQUESTS: left})


class Promises:
    """The promises of one process. Thread-safe."""

    def __init__(self) -> None:
        self._kept: dict[UUID, _Promise] = {}
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._heart: threading.Thread | None = None
        self.pace_calls_per_minute: float | None = None

    def __enter__(self) -> Promises:
        self._heart = threading.Thread(target=self._beat, name="quota-lease", daemon=True)
        self._heart.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        if self._heart is not None:
            self._heart.join()
        # the run's own error is the one to tell; a promise that cannot be given back lapses
        with suppress(LedgerError):
            self.settle_all()

    def keep(self, run_id: UUID, units: Mapping[str, int], book: QuotaBook, org: OrgPort) -> None:
        """From here on the calls that are made count against this promise."""
        promise = _Promise(book=book, units=units, org=org, calls_before=org.calls_made)
        with self._lock:
            self._kept[run_id] = promise

    def true_up(self) -> None:
        """Note what was used so far, which also renews the leases."""
        with self._lock:
            kept = dict(self._kept)
        for run_id, promise in kept.items():
            promise.book.note_use(run_id, promise.used(), lease_seconds=LEASE_SECONDS)
            promise.note_reading()

    def settle_all(self) -> None:
        """Give back what was not used."""
        with self._lock:
            kept, self._kept = self._kept, {}
        for run_id, promise in kept.items():
            promise.book.settle(run_id, promise.used())
            promise.note_reading()

    def _beat(self) -> None:
        while not self._is_over.wait(HEARTBEAT_SECONDS):
            with suppress(LedgerError):
                self.true_up()
