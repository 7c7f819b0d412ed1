"""The org's allocations: how much of each was used in its rolling window, and how much is left.

Belongs here: counting and refusing to count past the maximum, neighbour applications that keep a quota
drained. Not here: the wording of a refusal, which differs from API to API; calls that take too long
(long_requests.py). Imports the clock only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from sf_pipelines.emulator.clock import Clock

DAILY_API_REQUESTS = "DailyApiRequests"
DAILY_BULK_BATCHES = "DailyBulkApiBatches"
DAILY_BULK_RECORDS = "DailyBulkRecords"
DAILY_QUERY_JOBS = "DailyBulkV2QueryJobs"
DAILY_QUERY_STORAGE = "DailyBulkV2QueryFileStorageMB"
DATA_STORAGE = "DataStorageMB"
DELIVERED_EVENTS = "DailyDeliveredPlatformEvents"
COMET_CLIENTS = "DurableStreamingApiConcurrentClients"

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
    # [D] section 7.1: of an Enterprise org; each subscriber's copy of an event counts.
    DELIVERED_EVENTS: LimitKind(maximum=25_000),
    "DailyStandardVolumePlatformEvents": LimitKind(maximum=25_000),
    "HourlyPublishedPlatformEvents": _hourly(250_000),
    "HourlyPublishedStandardVolumePlatformEvents": _hourly(1_000),
    "DailyStreamingApiEvents": LimitKind(maximum=200_000),
    "DailyGenericStreamingApiEvents": LimitKind(maximum=10_000),
    "DailyDurableStreamingApiEvents": LimitKind(maximum=200_000),
    "DailyDurableGenericStreamingApiEvents": LimitKind(maximum=10_000),
    "StreamingApiConcurrentClients": _standing(1_000),
    COMET_CLIENTS: _standing(1_000),
    DATA_STORAGE: _standing(40_960),
    "FileStorageMB": _standing(10_240),
    "ConcurrentAsyncGetReportInstances": _standing(200),
    "ConcurrentSyncReportRuns": _standing(20),
}


class _Gauge:
    """Pieces used of one limit, in minute buckets, so that memory doesn't grow with the calls."""

    def __init__(self, kind: LimitKind, maximum: int) -> None:
        self.kind = kind
        self.maximum = maximum
        self.initial_maximum = maximum
        self.kept_by_neighbour: int | None = None
        """Units that a neighbour application leaves; None without a neighbour."""
        self.measure: Callable[[], int] | None = None
        """Units used, for an allocation that isn't counted by spending."""
        self._buckets: deque[list[int]] = deque()
        self._used = 0

    def pieces_left(self, minute: int, overshoot: float) -> int:
        left = int(self.capacity * (1 + overshoot)) - self.used(minute)
        if self.kept_by_neighbour is None:
            return left
        return min(left, self.kept_by_neighbour * self.kind.pieces_per_unit)

    def units_used(self, minute: int) -> int:
        if self.measure is not None:
            own = self.measure()
        else:
            own = -(-self.used(minute) // self.kind.pieces_per_unit)
        return own if self.kept_by_neighbour is None else max(own, self.maximum - self.kept_by_neighbour)

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

    def spend(self, minute: int, pieces: int) -> None:
        """Count them, and take them from what a neighbour leaves."""
        self.add(minute, pieces)
        if self.kept_by_neighbour is not None:
            left = self.kept_by_neighbour - -(-pieces // self.kind.pieces_per_unit)
            self.kept_by_neighbour = max(0, left)

    def restart(self, minute: int, pieces: int) -> None:
        self._buckets.clear()
        self._used = 0
        self.add(minute, pieces)

    @property
    def capacity(self) -> int:
        return self.maximum * self.kind.pieces_per_unit


class LimitBook:
    """All limits of the org. Thread-safe."""

    def __init__(
        self,
        clock: Clock,
        maxima: Mapping[str, int] | None = None,
        *,
        overshoot: float = 0.0,
        lag_seconds: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Start unused.

        Args:
            clock: its windows roll on this one.
            maxima: replaces or adds maxima by `/limits` key.
            overshoot: share by which the daily API requests may pass their maximum before they are refused
                ([D] section 4: a soft limit).
            lag_seconds: asked for the age that `/limits` may have.
        """
        self._clock = clock
        self._lock = Lock()
        self._overshoot = overshoot
        self._lag_seconds = lag_seconds
        self._told: tuple[float, dict[str, dict[str, int]]] | None = None
        given = dict(maxima or {})
        self._gauges = {
            name: _Gauge(kind, given.pop(name, kind.maximum)) for name, kind in LIMIT_KINDS.items()
        }
        self._gauges |= {name: _Gauge(LimitKind(maximum=most), most) for name, most in given.items()}

    def try_spend(self, name: str, pieces: int = 1) -> bool:
        """Count `pieces` against `name` if they still fit; False, and nothing counted, if they don't."""
        with self._lock:
            gauge, minute = self._gauges[name], self._minute()
            overshoot = self._overshoot if name == DAILY_API_REQUESTS else 0.0
            if gauge.pieces_left(minute, overshoot) < pieces:
                return False
            gauge.spend(minute, pieces)
            return True

    def spend_up_to(self, name: str, pieces: int) -> int:
        """Count as many of `pieces` as still fit; their number."""
        with self._lock:
            gauge, minute = self._gauges[name], self._minute()
            fitting = max(0, min(pieces, gauge.pieces_left(minute, 0.0)))
            gauge.spend(minute, fitting)
            return fitting

    def left(self, name: str) -> int:
        """Pieces that still fit."""
        with self._lock:
            return self._gauges[name].pieces_left(self._minute(), 0.0)

    def used(self, name: str) -> int:
        """Units used inside the window that ends now, by whomever."""
        with self._lock:
            return self._gauges[name].units_used(self._minute())

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
        self._told = None

    def measure(self, name: str, units_used: Callable[[], int]) -> None:
        """Let an allocation be measured instead of counted."""
        self._gauges[name].measure = units_used

    def drain(self, name: str, keep: int = 0) -> None:
        """Let a neighbour application use all of `name` but `keep` units, and whatever comes free later."""
        with self._lock:
            self._gauges[name].kept_by_neighbour = keep
        self._told = None

    def end_drain(self, name: str) -> None:
        """Let the neighbour go, and its use with it; no error when there is none."""
        with self._lock:
            self._gauges[name].kept_by_neighbour = None
        self._told = None

    def drains(self) -> dict[str, int]:
        """The units that neighbours leave, by limit."""
        kept = {name: gauge.kept_by_neighbour for name, gauge in self._gauges.items()}
        return {name: units for name, units in kept.items() if units is not None}

    def reset(self) -> None:
        """As at the start: nothing used, no neighbour, the maxima of the start."""
        for name, gauge in self._gauges.items():
            self.put(name, used=0, maximum=gauge.initial_maximum)
            self.end_drain(name)

    def snapshot(self) -> dict[str, dict[str, int]]:
        """The truth, as `/limits` words it: `{"DailyApiRequests": {"Max": 15000, "Remaining": 82}, ...}`."""
        return {name: self._state(name) for name in sorted(self._gauges) if self._gauges[name].kind.listed}

    def told(self) -> dict[str, dict[str, int]]:
        """The body of `/limits`: a snapshot that may be as old as the lag."""
        now = self._clock.now().timestamp()
        told = self._told
        if told is None or not 0 <= now - told[0] < self._lag_seconds():
            told = self._told = (now, self.snapshot())
        return told[1]

    def usage_header(self) -> str:
        """The value of `Sforce-Limit-Info` ([D] RESTG headers)."""
        return f"api-usage={self.used(DAILY_API_REQUESTS)}/{self.maximum(DAILY_API_REQUESTS)}"

    def _state(self, name: str) -> dict[str, int]:
        most = self.maximum(name)
        return {"Max": most, "Remaining": max(0, most - self.used(name))}

    def _minute(self) -> int:
        return int(self._clock.now().timestamp() // 60)
