"""The org's allocations: how much of each was used in its rolling window, and how much is left.

Belongs here: counting and refusing to count past the maximum. Not here: the wording of a refusal, which
differs from API to API. Imports the clock only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from sf_pipelines.emulator.clock import Clock

DAILY_API_REQUESTS = "DailyApiRequests"
DAILY_BULK_BATCHES = "DailyBulkApiBatches"
DAILY_BULK_RECORDS = "DailyBulkRecords"
DAILY_QUERY_JOBS = "DailyBulkV2QueryJobs"
DAILY_QUERY_STORAGE = "DailyBulkV2QueryFileStorageMB"

_DAY_MINUTES = 24 * 60
_HOUR_MINUTES = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitKind:
    """One key of `/limits`: its maximum, its window (None: not rolling), the pieces that make one unit."""

    maximum: int
    window_minutes: int | None = _DAY_MINUTES
    pieces_per_unit: int = 1
    listed: bool = True
    """False for an allocation that Salesforce counts and `/limits` doesn't tell."""


def _hourly(maximum: int) -> LimitKind:
    return LimitKind(maximum=maximum, window_minutes=_HOUR_MINUTES)


def _standing(maximum: int) -> LimitKind:
    return LimitKind(maximum=maximum, window_minutes=None)


# Keys and maxima of an Enterprise-like org ([D] LIM; storage sizes are a choice).
LIMIT_KINDS: Mapping[str, LimitKind] = {
    DAILY_API_REQUESTS: LimitKind(maximum=100_000),
    DAILY_BULK_BATCHES: LimitKind(maximum=15_000),
    # [D] section 5.4.
    DAILY_BULK_RECORDS: LimitKind(maximum=150_000_000, listed=False),
    DAILY_QUERY_JOBS: LimitKind(maximum=10_000),
    DAILY_QUERY_STORAGE: LimitKind(maximum=976_562, pieces_per_unit=1024 * 1024),
    "DailyAsyncApexExecutions": LimitKind(maximum=250_000),
    "DailyDeliveredPlatformEvents": LimitKind(maximum=25_000),
    "DailyStandardVolumePlatformEvents": LimitKind(maximum=25_000),
    "HourlyPublishedPlatformEvents": _hourly(250_000),
    "HourlyPublishedStandardVolumePlatformEvents": _hourly(1_000),
    "DailyStreamingApiEvents": LimitKind(maximum=200_000),
    "DailyGenericStreamingApiEvents": LimitKind(maximum=10_000),
    "DailyDurableStreamingApiEvents": LimitKind(maximum=200_000),
    "DailyDurableGenericStreamingApiEvents": LimitKind(maximum=10_000),
    "StreamingApiConcurrentClients": _standing(1_000),
    "DurableStreamingApiConcurrentClients": _standing(1_000),
    "DataStorageMB": _standing(10_240),
    "FileStorageMB": _standing(10_240),
    "ConcurrentAsyncGetReportInstances": _standing(200),
    "ConcurrentSyncReportRuns": _standing(20),
}


class _Gauge:
    """Pieces used of one limit, in minute buckets, so that memory doesn't grow with the calls."""

    def __init__(self, kind: LimitKind, maximum: int) -> None:
        self.kind = kind
        self.maximum = maximum
        self._buckets: deque[list[int]] = deque()
        self._used = 0

    def used(self, minute: int) -> int:
        window = self.kind.window_minutes
        if window is not None:
            while self._buckets and self._buckets[0][0] <= minute - window:
                self._used -= self._buckets.popleft()[1]
        return self._used

    def add(self, minute: int, pieces: int) -> None:
        if self._buckets and self._buckets[-1][0] >= minute:
            self._buckets[-1][1] += pieces
        else:
            self._buckets.append([minute, pieces])
        self._used += pieces

    def restart(self, minute: int, pieces: int) -> None:
        self._buckets.clear()
        self._used = 0
        self.add(minute, pieces)

    @property
    def capacity(self) -> int:
        return self.maximum * self.kind.pieces_per_unit


class LimitBook:
    """All limits of the org. Thread-safe."""

    def __init__(self, clock: Clock, maxima: Mapping[str, int] | None = None) -> None:
        """Start unused; `maxima` replaces or adds maxima by `/limits` key."""
        self._clock = clock
        self._lock = Lock()
        given = dict(maxima or {})
        self._gauges = {
            name: _Gauge(kind, given.pop(name, kind.maximum)) for name, kind in LIMIT_KINDS.items()
        }
        self._gauges |= {name: _Gauge(LimitKind(maximum=most), most) for name, most in given.items()}

    def try_spend(self, name: str, pieces: int = 1) -> bool:
        """Count `pieces` against `name` if they still fit; False, and nothing counted, if they don't."""
        with self._lock:
            gauge, minute = self._gauges[name], self._minute()
            if gauge.used(minute) + pieces > gauge.capacity:
                return False
            gauge.add(minute, pieces)
            return True

    def used(self, name: str) -> int:
        """Units used inside the window that ends now."""
        with self._lock:
            gauge = self._gauges[name]
            return -(-gauge.used(self._minute()) // gauge.kind.pieces_per_unit)

    def maximum(self, name: str) -> int:
        """The allocation of `name`, in units."""
        return self._gauges[name].maximum

    def names(self) -> tuple[str, ...]:
        """Every limit of the org."""
        return tuple(self._gauges)

    def put(self, name: str, *, used: int | None = None, maximum: int | None = None) -> None:
        """Set what a test needs: `used` units, all counted now, and the maximum."""
        with self._lock:
            gauge = self._gauges[name]
            if maximum is not None:
                gauge.maximum = maximum
            if used is not None:
                gauge.restart(self._minute(), used * gauge.kind.pieces_per_unit)

    def reset(self) -> None:
        """Forget all use; maxima stay."""
        for name in self.names():
            self.put(name, used=0)

    def snapshot(self) -> dict[str, dict[str, int]]:
        """The body of `/limits`: `{"DailyApiRequests": {"Max": 100000, "Remaining": 99982}, ...}`."""
        return {
            name: {"Max": self.maximum(name), "Remaining": max(0, self.maximum(name) - self.used(name))}
            for name in sorted(self._gauges)
            if self._gauges[name].kind.listed
        }

    def usage_header(self) -> str:
        """The value of `Sforce-Limit-Info` ([D] RESTG headers)."""
        return f"api-usage={self.used(DAILY_API_REQUESTS)}/{self.maximum(DAILY_API_REQUESTS)}"

    def _minute(self) -> int:
        return int(self._clock.now().timestamp() // 60)
