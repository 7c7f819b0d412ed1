"""A month of declared syncs and of other applications' use, by a seed: the same for every rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from sf_pipelines.model.rail import Criticality, Direction, LatencyClass, Operation
from sf_pipelines.model.slice import Slice

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""

DAY_MINUTES = 24 * 60
API_CALLS_A_DAY = 100_000

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedSync:
    """One declared movement.

    Attributes:
        every_minutes: how often work falls due, from `first_minute` of the month on.
        rows: mean number of rows; each piece has half to double of it.
        is_refused_by_bulk: it reads compound fields, so only REST can carry it.
        deadline_seconds: from due to done; a later end is a miss.
    """

    name: str
    direction: Direction
    criticality: Criticality
    latency_class: LatencyClass
    every_minutes: int
    rows: int
    deadline_seconds: float
    first_minute: int = 0
    bytes_per_row: int = 200
    is_refused_by_bulk: bool = False


@dataclass(slots=True)
class Job:
    """One piece of work: when it fell due, and what became of it."""

    sync: SimulatedSync
    due_minute: int
    rows: int
    slowness: float
    finished_second: float | None = None

    @property
    def due_second(self) -> float:
        """Seconds since the month began."""
        return self.due_minute * 60.0

    @property
    def slice(self) -> Slice:
        """The work as the policy sees it; the deadline stands in for the next start of the schedule."""
        sync = self.sync
        is_load = sync.direction is Direction.LOAD
        return Slice(
            sync=sync.name,
            sobject="Account",
            direction=sync.direction,
            operation=Operation.UPSERT if is_load else Operation.QUERY,
            rows=self.rows,
            bytes_raw=self.rows * sync.bytes_per_row,
            latency_class=sync.latency_class,
            criticality=sync.criticality,
            fields_refused_by_bulk=("BillingAddress",) if sync.is_refused_by_bulk else (),
            next_start=START + timedelta(seconds=self.due_second + sync.deadline_seconds),
        )


_LOAD, _EXTRACT = Direction.LOAD, Direction.EXTRACT
_CRITICAL, _NORMAL, _DEFERRABLE = Criticality.CRITICAL, Criticality.NORMAL, Criticality.DEFERRABLE
_SOON, _BATCH = LatencyClass.NEAR_REAL_TIME, LatencyClass.BATCH


def _sync(
    name: str,
    direction: Direction,
    criticality: Criticality,
    latency_class: LatencyClass,
    every_minutes: int,
    rows: int,
    deadline_seconds: float,
    first_minute: int,
    *,
    is_refused_by_bulk: bool = False,
) -> SimulatedSync:
    return SimulatedSync(
        name=name,
        direction=direction,
        criticality=criticality,
        latency_class=latency_class,
        every_minutes=every_minutes,
        rows=rows,
        deadline_seconds=deadline_seconds,
        first_minute=first_minute,
        is_refused_by_bulk=is_refused_by_bulk,
    )


SYNCS = (
    _sync("orders_load", _LOAD, _CRITICAL, _SOON, 10, 600, 300, 3),
    _sync("cases_extract", _EXTRACT, _CRITICAL, _SOON, 15, 1_500, 300, 7, is_refused_by_bulk=True),
    _sync("leads_load", _LOAD, _CRITICAL, _SOON, 60, 8_000, 300, 11),
    _sync("entitlements_load", _LOAD, _CRITICAL, _SOON, 240, 60_000, 300, 20),
    _sync("prices_load", _LOAD, _CRITICAL, _BATCH, DAY_MINUTES, 400_000, 2 * 3600, 120),
    _sync("contacts_load", _LOAD, _NORMAL, _BATCH, 60, 30_000, 3600, 25),
    _sync("accounts_extract", _EXTRACT, _NORMAL, _BATCH, 120, 200_000, 2 * 3600, 40),
    _sync("addresses_extract", _EXTRACT, _NORMAL, _BATCH, 240, 400_000, 4 * 3600, 50,
          is_refused_by_bulk=True),
    *(_sync(f"usage_{n}_load", _LOAD, _NORMAL, _SOON, 5, 120, 300, n % 5) for n in range(1, 7)),
    _sync("scores_load", _LOAD, _DEFERRABLE, _BATCH, 30, 5_000, 12 * 3600, 13),
    _sync("history_extract", _EXTRACT, _DEFERRABLE, _BATCH, DAY_MINUTES, 6_000_000, 24 * 3600, 11 * 60,
          is_refused_by_bulk=True),
    _sync("archive_load", _LOAD, _DEFERRABLE, _BATCH, 3 * DAY_MINUTES, 8_000_000, 48 * 3600, 9 * 60),
)  # fmt: skip
"""What a mid-sized company moves: urgent and small, hourly and middling, nightly and huge."""


def jobs(days: int, seed: int) -> Iterator[Job]:
    """Every piece of work of the month, by the time it falls due."""
    random = np.random.default_rng(seed)
    due = sorted(
        (minute, number)
        for number, sync in enumerate(SYNCS)
        for minute in range(sync.first_minute, days * DAY_MINUTES, sync.every_minutes)
    )
    for minute, number in due:
        sync = SYNCS[number]
        rows = max(1, int(sync.rows * 2.0 ** random.uniform(-1, 1)))
        yield Job(sync=sync, due_minute=minute, rows=rows, slowness=float(2.0 ** random.normal(0, 0.15)))


def other_use(days: int, seed: int) -> _Floats:
    """API calls of all other applications, minute by minute.

    Office hours with bursts, a nightly job, and on three days another application that loops until its
    owners notice: with it the others alone come to nine tenths of the quota.
    """
    random = np.random.default_rng(seed + 1)
    minutes = np.arange(days * DAY_MINUTES)
    hour, day = minutes % DAY_MINUTES / 60, minutes // DAY_MINUTES
    office = np.where((hour >= 8) & (hour < 18), np.sin(np.pi * (hour - 8) / 10), 0.0)
    mean = 62.0 * office * np.where(day % 7 >= 5, 0.15, 1.0) + 8.0
    mean += np.where((hour >= 1) & (hour < 2), 120.0, 0.0)
    for loop_day in (9, 17, 24):
        looping = (day == loop_day) & (hour >= 10) & (hour < 17)
        mean += np.where(looping, 100.0, 0.0)
    bursts = (random.random(minutes.size) < 0.01) * random.exponential(150.0, minutes.size)
    return (random.poisson(mean) + np.floor(bursts)).astype(np.float64)
