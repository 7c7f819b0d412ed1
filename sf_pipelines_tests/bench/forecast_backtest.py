"""`python -m sf_pipelines_tests.bench.forecast_backtest`: how good the quota forecast is on simulated weeks.

At every hour of the last two of five weeks the forecast of 1, 4, 12 and 24 hours ahead is compared with
what came. Rivals: what remains now stays as it is, and the mean rate of the last six hours goes on.
Writes docs/forecast-backtest.json and .png.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from sf_pipelines.model.outlook import Reading
from sf_pipelines.policy.forecast import forecast
from sf_pipelines_tests.bench.quota_weeks import DAYS, MINUTES, SCENARIOS, STEPS_A_DAY

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MAXIMUM = 100_000
HORIZONS = (1, 4, 12, 24)
STEPS_AN_HOUR = 60 // MINUTES
DOCS = Path(__file__).parents[2] / "docs"

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One forecast and what came, all in calls that remain."""

    hours: int
    at: datetime
    actual: float
    expected: float
    lower: float
    unchanged: float
    same_rate: float


def main() -> None:
    """Print the table, write the figures and the plot."""
    cases = {name: list(backtest(name)) for name in SCENARIOS}
    figures = {name: {str(h): summary(found, h) for h in HORIZONS} for name, found in cases.items()}
    (DOCS / "forecast-backtest.json").write_text(json.dumps(figures, indent=2) + "\n")
    _plot(cases)
    table = Table("Weeks", "Hours ahead", title=f"Mean absolute error in % of {MAXIMUM:,} calls")
    for column in ("forecast", "unchanged", "same rate", "band holds %"):
        table.add_column(column, justify="right")
    for name, by_hours in figures.items():
        for hours, item in by_hours.items():
            table.add_row(name, hours, *(f"{value:.2f}" for value in item.values()))
    Console().print(table)


def backtest(scenario: str, *, seed: int = 7, every_hours: int = 1) -> Iterator[Case]:
    """The cases of one scenario."""
    use = SCENARIOS[scenario](np.random.default_rng(seed))
    total = np.concatenate([[0.0], use.cumsum()])
    sums = total.copy()
    sums[STEPS_A_DAY:] -= total[:-STEPS_A_DAY]
    readings = [_reading(step, value) for step, value in enumerate(sums) if step >= STEPS_A_DAY]
    first, last = (DAYS - 14) * STEPS_A_DAY, (DAYS - 1) * STEPS_A_DAY
    for origin in range(first, last, every_hours * STEPS_AN_HOUR):
        yield from _cases(origin, sums, total, readings[: origin - STEPS_A_DAY + 1])


def summary(cases: list[Case], hours: int) -> dict[str, float]:
    """Mean absolute errors in per cent of the quota, and how often the band held."""
    chosen = [case for case in cases if case.hours == hours]
    actual = np.array([case.actual for case in chosen])

    def error(values: list[float]) -> float:
        return round(float(np.abs(np.array(values) - actual).mean()) / MAXIMUM * 100, 2)

    return {
        "forecast": error([case.expected for case in chosen]),
        "unchanged": error([case.unchanged for case in chosen]),
        "same_rate": error([case.same_rate for case in chosen]),
        "band_holds": round(float(np.mean([case.actual >= case.lower for case in chosen])) * 100, 1),
    }


def _cases(origin: int, sums: _Floats, total: _Floats, readings: list[Reading]) -> Iterator[Case]:
    now = _moment(origin)
    outlook = forecast(readings, now)
    assert outlook is not None
    remaining = MAXIMUM - sums[origin]
    rate = (total[origin] - total[origin - 6 * STEPS_AN_HOUR]) / 6
    for hours in HORIZONS:
        end = origin + hours * STEPS_AN_HOUR
        rolled_off = total[end - STEPS_A_DAY] - total[origin - STEPS_A_DAY]
        expected = remaining + outlook.change(now, _moment(end))
        yield Case(
            hours=hours,
            at=_moment(end),
            actual=MAXIMUM - sums[end],
            expected=expected,
            lower=expected - outlook.shortfall(now, _moment(end)),
            unchanged=remaining,
            same_rate=remaining + rolled_off - rate * hours,
        )


def _moment(step: int) -> datetime:
    return MONDAY + timedelta(minutes=MINUTES * step)


def _reading(step: int, used: float) -> Reading:
    return Reading(taken_at=_moment(step), used=round(used))


def _plot(cases: dict[str, list[Case]]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(len(cases), 1, figsize=(11, 2.6 * len(cases)), sharex=True)
    for axis, (name, found) in zip(axes, cases.items(), strict=True):
        ahead = [case for case in found if case.hours == 12]
        moments = np.array([case.at for case in ahead])
        axis.plot(moments, [case.actual for case in ahead], color="black", lw=1.2, label="came")
        axis.plot(moments, [case.expected for case in ahead], color="tab:blue", lw=1.0, label="expected")
        axis.fill_between(
            moments,
            [case.lower for case in ahead],
            [case.expected for case in ahead],
            color="tab:blue",
            alpha=0.2,
            label="error band",
        )
        axis.set_title(f"{name}: calls left, as forecast 12 hours before", fontsize=10)
        axis.set_ylim(bottom=0)
    axes[0].legend(loc="lower left", fontsize=8)
    figure.tight_layout()
    figure.savefig(DOCS / "forecast-backtest.png", dpi=80)


if __name__ == "__main__":
    main()
