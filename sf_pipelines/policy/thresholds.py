"""The knobs of the rail policy: reserves, prices of time, deadlines, circuit breaker. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sf_pipelines.model.rail import Criticality, LatencyClass


def _reserves() -> dict[Criticality, float]:
    return {Criticality.CRITICAL: 0.0, Criticality.NORMAL: 0.10, Criticality.DEFERRABLE: 0.25}


def _deadlines() -> dict[LatencyClass, float]:
    return {
        LatencyClass.INTERACTIVE: 30.0,
        LatencyClass.NEAR_REAL_TIME: 300.0,
        LatencyClass.BATCH: 4 * 3600.0,
    }


def _calls_per_second() -> dict[LatencyClass, float]:
    return {LatencyClass.INTERACTIVE: 100.0, LatencyClass.NEAR_REAL_TIME: 2.0, LatencyClass.BATCH: 1.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """What the policy holds back and what it pays.

    Attributes:
        reserve_share: part of each quota that work of a criticality must leave for more critical work.
        throttle_below_share: normal work that would leave less than this part of the API calls is paced.
        deadline_seconds: how long work of a latency class may take.
        calls_per_second: how many API calls one second of waiting is worth, by latency class.
        defer_seconds: when to ask again if nothing fits now and nothing is forecast.
        longest_defer_seconds: when to ask again at the latest, whatever is forecast.
        stale_after_seconds: age at which a reading of the quotas says nothing any more.
        clock_skew_seconds: how far a reading may lie ahead of our clock.
        lock_rate_limit: share of rows lost to row locks above which a rail is avoided.
        circuit_failures: runs in a row that fail on a rail until it is not used for a while.
        circuit_cool_down_seconds: that while; it doubles with each probe that fails, up to 16 times.
    """

    reserve_share: Mapping[Criticality, float] = field(default_factory=_reserves)
    throttle_below_share: float = 0.25
    deadline_seconds: Mapping[LatencyClass, float] = field(default_factory=_deadlines)
    calls_per_second: Mapping[LatencyClass, float] = field(default_factory=_calls_per_second)
    defer_seconds: float = 3600.0
    longest_defer_seconds: float = 6 * 3600.0
    stale_after_seconds: float = 3600.0
    clock_skew_seconds: float = 300.0
    lock_rate_limit: float = 0.05
    circuit_failures: float = 3.0
    circuit_cool_down_seconds: float = 900.0


DEFAULT_THRESHOLDS = Thresholds()
