"""The forecast of one quota: what will be used, what will roll out of the window, and how sure that is.

Pure. A reading tells only the sum of the last 24 hours. The use of each hour follows from it, since the
sum changes by what is used and by what was used a day before. Use by hour of day is then learned with
recency weights, weekends apart, and what the last hours had above it is carried on. The error band is
the quantile of the errors that the same forecast would have made in the past, so it needs no assumption
about their distribution.

NumPy does all of it within milliseconds; the libraries for time series bring seconds of import, and
model a sum of a rolling window badly: half of its future is already known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from sf_pipelines.model.outlook import Outlook, Reading

HOURS = 24
"""Length of the rolling window of every quota that is forecast."""

HORIZON_HOURS = 48
HISTORY_DAYS = 15
HALF_LIFE_DAYS = 7.0
OTHER_KIND_OF_DAY = 0.15
"""Weight of a weekend for a working day and of a working day for a weekend."""

QUANTILE = 0.95
WIDENING = 1.3
"""Past errors are few and partly known to the profile: without more room the band would hold too seldom."""

COVERAGE = 0.9
"""What the back-test of docs/forecast.md found, at least, over all but the most irregular weeks."""

COLD_ERROR = 0.5
"""Without a day of history: error of an hour's use, as a share of the mean use."""

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Past:
    """Use of each of the last hours, the oldest first, in whole days; `known` of them were observed."""

    used: _Floats
    known: int

    @property
    def by_day(self) -> _Floats:
        return self.used.reshape(-1, HOURS)


def forecast(readings: Sequence[Reading], now: datetime) -> Outlook | None:
    """The outlook of one quota, from readings in any order; None where there is none up to now."""
    past = _past([reading for reading in readings if reading.taken_at <= now], now)
    if past is None:
        return None
    profile, residuals = _profile(past, now)
    use = np.maximum(0.0, profile + _carried_over(residuals))
    change = _roll_off(past, use).cumsum() - use.cumsum()
    return Outlook(
        made_at=now,
        expected=tuple(round(float(value), 1) for value in change),
        error=tuple(round(float(value), 1) for value in _errors(past, residuals)),
        coverage=COVERAGE,
    )


def _past(readings: Sequence[Reading], now: datetime) -> _Past | None:
    """Use by hour. Of the day before the first reading only the sum is known: it is spread evenly."""
    if not readings:
        return None
    ordered = sorted(readings, key=lambda reading: reading.taken_at)
    seconds = np.array([(reading.taken_at - now).total_seconds() for reading in ordered])
    sums = np.array([float(reading.used) for reading in ordered])
    known = min(int(-seconds[0] // 3600), HISTORY_DAYS * HOURS)
    at_hours = np.interp(np.arange(-known, 1) * 3600.0, seconds, sums)
    days = 1 + -(-known // HOURS)
    used = np.full(days * HOURS, max(0.0, at_hours[0]) / HOURS)
    for hour, change in enumerate(np.diff(at_hours), start=used.size - known):
        used[hour] = max(0.0, used[hour - HOURS] + change)
    return _Past(used, known)


def _profile(past: _Past, now: datetime) -> tuple[_Floats, _Floats]:
    """Expected use of the hours to come, and how far each hour of the past was from what others told."""
    days = past.by_day
    ages = np.arange(days.shape[0], 0, -1.0)
    recency = 0.5 ** (ages / HALF_LIFE_DAYS)
    is_known = (np.arange(past.used.size) >= past.used.size - past.known).reshape(days.shape)
    weights = recency[:, None] * np.where(is_known, 1.0, 0.05)
    weekends = _weekends(now, days.shape[0])
    coming = [_mean(days, weights, weekends, _weekends(now, 1, ahead=day)[0]) for day in range(2)]
    return np.concatenate(coming), _left_out(days, weights, weekends)


def _weekends(now: datetime, days: int, *, ahead: int | None = None) -> npt.NDArray[np.bool_]:
    """Whether each hour lies on a weekend: of the last days, or of one day that starts `ahead` days on."""
    start = now.astimezone(UTC) + timedelta(days=-days if ahead is None else ahead)
    middles = (start + timedelta(hours=hour + 0.5) for hour in range(days * HOURS))
    return np.array([moment.weekday() >= 5 for moment in middles]).reshape(days, HOURS)


def _mean(
    days: _Floats, weights: _Floats, weekends: npt.NDArray[np.bool_], like: npt.NDArray[np.bool_]
) -> _Floats:
    alike = weights * np.where(weekends == like, 1.0, OTHER_KIND_OF_DAY)
    return (alike * days).sum(axis=0) / alike.sum(axis=0)


def _left_out(days: _Floats, weights: _Floats, weekends: npt.NDArray[np.bool_]) -> _Floats:
    """Of each hour: its use less the mean of the same hour of the other days."""
    kinship = np.where(weekends[:, None, :] == weekends[None, :, :], 1.0, OTHER_KIND_OF_DAY)
    others = kinship * weights[None, :, :]
    others[np.arange(len(days)), np.arange(len(days)), :] = 0.0
    totals = others.sum(axis=1)
    expected = (others * days[None, :, :]).sum(axis=1) / np.where(totals > 0, totals, 1.0)
    return np.where(totals > 0, days - expected, 0.0).ravel()


def _carried_over(residuals: _Floats) -> _Floats:
    """What the last two hours had above, or below, the expected fades by the share that stayed before."""
    before, after = residuals[:-1], residuals[1:]
    spread = float(before @ before)
    habit = float(before @ after) / spread if spread else 0.0
    share = min(max(habit, 0.0), 0.95)
    return residuals[-2:].mean() * share ** np.arange(1, HORIZON_HOURS + 1)


def _roll_off(past: _Past, use: _Floats) -> _Floats:
    """What leaves the window in each hour to come: first the last day, then what is only expected."""
    return np.concatenate([past.used[-HOURS:], use])[:HORIZON_HOURS]


def _errors(past: _Past, residuals: _Floats) -> _Floats:
    """Error band by hours ahead. After a day it grows no more: older errors have rolled out by then."""
    ahead = np.arange(1, HOURS + 1)
    cold = COLD_ERROR * past.used[-HOURS:].mean() * ahead
    if past.known < HOURS:
        band = cold
    else:
        sums = np.concatenate([[0.0], residuals[-past.known :].cumsum()])
        seen = np.array([WIDENING * np.quantile(sums[k:] - sums[:-k], QUANTILE) for k in ahead])
        trust = min(1.0, past.known / (7 * HOURS))
        band = np.maximum.accumulate(np.maximum(0.0, seen)) + (1.0 - trust) * cold
    return np.concatenate([band, np.full(HORIZON_HOURS - HOURS, band[-1])])
