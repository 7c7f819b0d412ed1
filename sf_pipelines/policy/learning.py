"""How fast the rails are for one object, learned from its runs: a line through rows and seconds. Pure.

The prior counts as a few runs, so one odd run moves little and many runs outweigh it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.policy.performance import PRIORS, Performance

PRIOR_RUNS = 3.0
"""How many runs the prior is worth."""

PRIOR_ROWS = 10_000
HALF_LIFE_RUNS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PastRun:
    """One finished run of an object: what it moved, how, and how long that took."""

    rail: Rail
    direction: Direction
    rows: int
    seconds: float


def learn(runs: Sequence[PastRun]) -> dict[tuple[Rail, Direction], Performance]:
    """Speeds of every rail and direction that the runs (newest first) tell of."""
    pairs = dict.fromkeys((run.rail, run.direction) for run in runs)
    return {
        pair: _fitted(PRIORS[pair], [run for run in runs if (run.rail, run.direction) == pair])
        for pair in pairs
        if pair in PRIORS
    }


def _fitted(prior: Performance, runs: Sequence[PastRun]) -> Performance:
    """Weighted least squares of seconds = setup + rows / speed; errors count as shares of the expected."""
    points = [(run.rows, run.seconds, 0.5 ** (age / HALF_LIFE_RUNS)) for age, run in enumerate(runs)]
    points += [(rows, _expected(prior, rows), PRIOR_RUNS / 2) for rows in (0, PRIOR_ROWS)]
    scaled = [(rows, took, weight / max(1.0, _expected(prior, rows)) ** 2) for rows, took, weight in points]
    total = sum(weight for *_, weight in scaled)
    mean_rows = sum(rows * weight for rows, _, weight in scaled) / total
    mean_took = sum(took * weight for _, took, weight in scaled) / total
    spread = sum(weight * (rows - mean_rows) ** 2 for rows, _, weight in scaled)
    slope = sum(weight * (rows - mean_rows) * (took - mean_took) for rows, took, weight in scaled) / spread
    least_slope = 1 / (prior.rows_per_second * 20)
    seconds_per_row = max(slope, least_slope)
    setup = max(0.0, mean_took - seconds_per_row * mean_rows)
    return Performance(
        setup_seconds=round(setup, 3),
        call_seconds=prior.call_seconds * _bounded(sqrt(seconds_per_row * prior.rows_per_second)),
        rows_per_second=round(1 / seconds_per_row, 3),
    )


def _expected(prior: Performance, rows: int) -> float:
    return prior.setup_seconds + rows / prior.rows_per_second


def _bounded(factor: float) -> float:
    """Round trips cannot be told apart from row time: they follow it, by no more than a factor of 2."""
    return min(max(factor, 0.5), 2.0)
