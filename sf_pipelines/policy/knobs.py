"""The thresholds one by one: names, bounds, meanings, and what may not contradict. Pure.

A name is what people type and what the ledger stores, `reserve_share.normal`; a set of values becomes
`Thresholds` only as a whole, so that no contradiction can ever be in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from sf_pipelines.model.rail import Criticality, LatencyClass
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS, Thresholds

DAY_SECONDS = 86_400.0


class ThresholdError(Exception):
    """A threshold is unknown, out of bounds, or contradicts another; one sentence with the mend."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Knob:
    """One threshold: its bounds, both included, its default, and its meaning for people."""

    name: str
    minimum: float
    maximum: float
    default: float
    meaning: str


_GROUPS: Mapping[str, tuple[type[Criticality] | type[LatencyClass], float, float, str]] = {
    "reserve_share": (
        Criticality,
        0.0,
        0.95,
        "share of each quota that {} work leaves for more critical work",
    ),
    "deadline_seconds": (LatencyClass, 1.0, 7 * DAY_SECONDS, "seconds that {} work may take"),
    "calls_per_second": (LatencyClass, 0.0, 10_000.0, "API calls that a second of {} waiting is worth"),
}
_SINGLE: Mapping[str, tuple[float, float, str]] = {
    "throttle_below_share": (0.0, 0.95, "share of the API calls below which normal work is paced"),
    "defer_seconds": (60.0, DAY_SECONDS, "seconds until deferred work is looked at again without a forecast"),
    "longest_defer_seconds": (60.0, 7 * DAY_SECONDS, "seconds after which deferred work is looked at again"),
    "stale_after_seconds": (60.0, DAY_SECONDS, "age in seconds at which a reading of the quotas is void"),
    "clock_skew_seconds": (0.0, 3600.0, "seconds that the org's clock may be ahead of ours"),
    "lock_rate_limit": (0.0, 1.0, "share of rows lost to row locks above which a rail is avoided"),
    "circuit_failures": (1.0, 100.0, "runs in a row that fail until a rail is not used for a while"),
    "circuit_cool_down_seconds": (1.0, DAY_SECONDS, "seconds that a failing rail is left alone at first"),
}


def values_of(thresholds: Thresholds) -> dict[str, float]:
    """Every threshold by name."""
    grouped = {
        f"{group}.{member.value}": float(getattr(thresholds, group)[member])
        for group, (members, *_) in _GROUPS.items()
        for member in members
    }
    return grouped | {name: float(getattr(thresholds, name)) for name in _SINGLE}


def _knobs() -> Iterator[Knob]:
    defaults = values_of(DEFAULT_THRESHOLDS)
    for group, (members, least, most, meaning) in _GROUPS.items():
        for member in members:
            name, words = f"{group}.{member.value}", meaning.format(member.value.replace("_", " "))
            yield Knob(name=name, minimum=least, maximum=most, default=defaults[name], meaning=words)
    for name, (least, most, meaning) in _SINGLE.items():
        yield Knob(name=name, minimum=least, maximum=most, default=defaults[name], meaning=meaning)


KNOBS: Mapping[str, Knob] = {knob.name: knob for knob in _knobs()}


def thresholds_of(values: Mapping[str, float]) -> Thresholds:
    """Thresholds with these values, and defaults for the rest.

    Raises:
        ThresholdError: a name is unknown, a value is out of its bounds, or two contradict each other.
    """
    for name, value in values.items():
        _check(name, value)
    full = {knob.name: knob.default for knob in KNOBS.values()} | dict(values)
    for lower, upper in _ORDER:
        if full[lower] > full[upper]:
            raise ThresholdError(
                f"{lower} ({full[lower]:g}) may not be above {upper} ({full[upper]:g}): change both together."
            )
    grouped: dict[str, Any] = {
        group: {member: full[f"{group}.{member.value}"] for member in members}
        for group, (members, *_) in _GROUPS.items()
    }
    single: dict[str, Any] = {name: full[name] for name in _SINGLE}
    return Thresholds(**grouped, **single)


_ORDER = (
    ("reserve_share.critical", "reserve_share.normal"),
    ("reserve_share.normal", "throttle_below_share"),
    ("throttle_below_share", "reserve_share.deferrable"),
    ("deadline_seconds.interactive", "deadline_seconds.near_real_time"),
    ("deadline_seconds.near_real_time", "deadline_seconds.batch"),
    ("calls_per_second.batch", "calls_per_second.near_real_time"),
    ("calls_per_second.near_real_time", "calls_per_second.interactive"),
    ("defer_seconds", "longest_defer_seconds"),
)
"""Pairs of which the first is never above the second: else less critical work would wait less."""


def _check(name: str, value: float) -> None:
    knob = KNOBS.get(name)
    if knob is None:
        raise ThresholdError(f"There is no threshold '{name}': it is one of {', '.join(KNOBS)}.")
    if not isfinite(value) or not knob.minimum <= value <= knob.maximum:
        raise ThresholdError(
            f"{name} is {value:g}: give a number from {knob.minimum:g} to {knob.maximum:g} ({knob.meaning})."
        )
