"""What a quota is expected to do in the hours to come: a curve with an error band, as plain figures."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

STEP_SECONDS = 3600.0
"""Distance of two points of a curve."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How much of one quota was used in the window that ended at a moment."""

    taken_at: datetime
    used: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """The expected change of the remaining part of one quota, hour by hour.

    It says how the quota moves, not where it stands, so it serves any later reading of the same quota.

    Attributes:
        made_at: start of the curve, where the change is 0.
        expected: change in units at the end of each hour after `made_at`; use lowers it, roll-off lifts it.
        error: units by which the remaining part may fall short of what is expected, by hours ahead.
        coverage: share of the cases in which it does not fall shorter than that.
    """

    made_at: datetime
    expected: tuple[float, ...]
    error: tuple[float, ...]
    coverage: float

    @property
    def ends_at(self) -> datetime:
        """Past here nothing is forecast; the last figures stand."""
        return self.made_at + timedelta(seconds=STEP_SECONDS * len(self.expected))

    def change(self, start: datetime, end: datetime) -> float:
        """Expected change of the remaining part from `start` to `end`."""
        return self._at(self.expected, end) - self._at(self.expected, start)

    def shortfall(self, start: datetime, end: datetime) -> float:
        """How much less than expected may remain at `end`, as seen from `start`."""
        return _interpolated(self.error, (end - start).total_seconds() / STEP_SECONDS)

    def lower_edge(self, start: datetime, moments: Sequence[datetime]) -> list[float]:
        """At each moment: the change since `start` if the forecast errs as far as its band goes."""
        base = self._at(self.expected, start)
        return [self._at(self.expected, moment) - base - self.shortfall(start, moment) for moment in moments]

    def moments(self, start: datetime, end: datetime) -> list[datetime]:
        """The bends of the curve between two moments, both included."""
        first = max(0, int((start - self.made_at).total_seconds() // STEP_SECONDS) + 1)
        last = int(min((end - self.made_at).total_seconds() / STEP_SECONDS, len(self.expected)))
        bends = [self.made_at + timedelta(seconds=STEP_SECONDS * step) for step in range(first, last + 1)]
        inside = bends[bisect_left(bends, start) :]
        return [start, *(moment for moment in inside if start < moment < end), end]

    def _at(self, curve: tuple[float, ...], moment: datetime) -> float:
        return _interpolated(curve, (moment - self.made_at).total_seconds() / STEP_SECONDS)


def _interpolated(curve: tuple[float, ...], step: float) -> float:
    """Value at a fractional step of a curve that starts at 0; its last value stands for ever."""
    if step <= 0 or not curve:
        return 0.0
    whole = int(step)
    if whole >= len(curve):
        return curve[-1]
    before = curve[whole - 1] if whole else 0.0
    return before + (step - whole) * (curve[whole] - before)
