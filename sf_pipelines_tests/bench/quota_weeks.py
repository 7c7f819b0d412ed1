"""Weeks of API use of an org, by a seed: what the back-test of the forecast is run on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

MINUTES = 5
STEPS_A_DAY = 24 * 60 // MINUTES
DAYS = 35

_Use = npt.NDArray[np.float64]


def bursty(random: np.random.Generator) -> _Use:
    """Office hours with bursts of a few minutes, quiet at night and on weekends."""
    office = 170.0 * _office_hours() * (1.0 - 0.85 * _weekend())
    bursts = (random.random(office.size) < 0.02) * random.exponential(900.0, office.size)
    return random.poisson(office + 20.0) + bursts


def nightly(random: np.random.Generator) -> _Use:
    """One large job each night, of a size and an hour that vary a little."""
    use = random.poisson(40.0, DAYS * STEPS_A_DAY).astype(float)
    for day in range(DAYS):
        start = day * STEPS_A_DAY + int(random.normal(2 * 12, 3))
        length = max(6, int(random.normal(24, 4)))
        use[max(0, start) : start + length] += random.normal(38_000, 4_000) / length
    return use


def weekend(random: np.random.Generator) -> _Use:
    """Office use from Monday to Friday, batch work on Saturdays and Sundays."""
    office = 200.0 * _office_hours() * (1.0 - _weekend())
    batch = 150.0 * _weekend() * (_hour_of_day() < 12)
    return random.poisson(office + batch + 25.0).astype(float)


def runaway_neighbour(random: np.random.Generator) -> _Use:
    """Bursty weeks, in which twice another application loops for ten hours."""
    use = bursty(random)
    for day in (24, 31):
        start = day * STEPS_A_DAY + int(random.integers(8, 14) * 12)
        use[start : start + 10 * 12] += random.poisson(420.0, 10 * 12)
    return use


SCENARIOS: Mapping[str, Callable[[np.random.Generator], _Use]] = {
    "bursty": bursty,
    "nightly": nightly,
    "weekend": weekend,
    "runaway neighbour": runaway_neighbour,
}


def _hour_of_day() -> _Use:
    return np.arange(DAYS * STEPS_A_DAY) % STEPS_A_DAY * MINUTES / 60


def _office_hours() -> _Use:
    hour = _hour_of_day()
    return np.where((hour >= 8) & (hour < 18), np.sin(np.pi * (hour - 8) / 10), 0.0)


def _weekend() -> _Use:
    """Day 0 is a Monday."""
    return (np.arange(DAYS * STEPS_A_DAY) // STEPS_A_DAY % 7 >= 5).astype(float)
