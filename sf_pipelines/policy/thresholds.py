"""The knobs of the rail policy: reserves, prices of time, deadlines. Values only, no choice."""

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
        deadline_seconds: how long work of a latency class may take.
        calls_per_second: how many API calls one second of waiting is worth, by latency class.
        defer_seconds: when to ask again if nothing fits now.
    """

    reserve_share: Mapping[Criticality, float] = field(default_factory=_reserves)
    deadline_seconds: Mapping[LatencyClass, float] = field(default_factory=_deadlines)
    calls_per_second: Mapping[LatencyClass, float] = field(default_factory=_calls_per_second)
    defer_seconds: float = 3600.0


DEFAULT_THRESHOLDS = Thresholds()
