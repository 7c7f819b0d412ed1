"""How slow the org is: a profile, and the drawing of single durations from it by a seed.

Belongs here: durations as values. Not here: spending them (the parts that wait on the clock). Imports nothing
of the emulator.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from threading import Lock

# [D] section 4: /limits lags by up to five minutes.
LIMITS_LAG_SECONDS = 300.0
DEFAULT_SEED = 20260201
_EVERY_OBJECT = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyProfile:
    """How long things take. The figures of `realistic` are our choice; nobody publishes them."""

    name: str
    request_seconds: tuple[float, float] = (0.0, 0.0)
    """Least and most that a request takes beside its work."""
    trigger_ms_per_row: Mapping[str, float] = field(default_factory=dict[str, float])
    """Milliseconds that triggers spend on each written row, by object; `*` is every other object."""
    bulk_queue_seconds: tuple[float, float] = (0.0, 0.0)
    """Least and most that a Bulk job waits before it begins."""
    limits_lag_seconds: float = 0.0
    """Age that `/limits` may have."""

    def trigger_ms(self, sobject: str) -> float:
        """Milliseconds a row of `sobject`."""
        return self.trigger_ms_per_row.get(sobject, self.trigger_ms_per_row.get(_EVERY_OBJECT, 0.0))

    @property
    def has_triggers(self) -> bool:
        """True when a written row takes time."""
        return any(self.trigger_ms_per_row.values())


INSTANT = LatencyProfile(name="instant")
REALISTIC = LatencyProfile(
    name="realistic",
    request_seconds=(0.05, 0.25),
    trigger_ms_per_row={_EVERY_OBJECT: 2.0},
    bulk_queue_seconds=(1.0, 5.0),
    limits_lag_seconds=LIMITS_LAG_SECONDS,
)
PROFILES: Mapping[str, LatencyProfile] = {profile.name: profile for profile in (INSTANT, REALISTIC)}


class Latency:
    """The profile in force, and its dice. Thread-safe."""

    def __init__(self, profile: LatencyProfile = INSTANT, seed: int = DEFAULT_SEED) -> None:
        """Draw from `profile`; the same seed and the same order of calls give the same durations."""
        self._start = profile
        self._seed = seed
        self._lock = Lock()
        self._random = Random(seed)
        self.profile = profile

    def request_seconds(self) -> float:
        """Of the next request."""
        return self._draw(self.profile.request_seconds)

    def queue_seconds(self) -> float:
        """Of the next Bulk job."""
        return self._draw(self.profile.bulk_queue_seconds)

    def transaction_seconds(self, rows: Mapping[str, int]) -> float:
        """Of a transaction that writes so many rows of each object."""
        return sum(self.profile.trigger_ms(name) * count for name, count in rows.items()) / 1000

    def slow_triggers(self, ms_per_row: Mapping[str, float]) -> None:
        """Declare milliseconds a row for some objects, beside what the profile has."""
        merged = {**self.profile.trigger_ms_per_row, **ms_per_row}
        self.profile = dataclasses.replace(self.profile, trigger_ms_per_row=merged)

    def reset(self) -> None:
        """Back to the profile and the dice of the start."""
        with self._lock:
            self.profile, self._random = self._start, Random(self._seed)

    def _draw(self, span: tuple[float, float]) -> float:
        if span[1] <= 0:
            return 0.0
        with self._lock:
            return self._random.uniform(*span)
