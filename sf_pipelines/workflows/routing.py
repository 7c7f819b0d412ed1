"""Work that waits to be sent: what it is, what the policy says of it now, and what may go before its time.

Nothing is sent here. A run that is asked for decides again when it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from sf_pipelines.ledger.deferrals import Deferral, pending_deferrals, release
from sf_pipelines.ledger.history import last_slice, read_history, with_trials
from sf_pipelines.ledger.queries import recent_runs
from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.thresholds import read_thresholds
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.headroom import WATCHED_BUDGETS
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.budgets import promised
from sf_pipelines.policy.rail_choice import decide

MISSED_AFTER = timedelta(hours=4)
"""How long after its night a sync that did not run counts as missed: its schedule has had its turn."""

HABIT_NIGHTS = 3
"""A sync that ran for any of so many nights before is one that runs every night."""

RUNS_LOOKED_AT = 20

RANGE_MARK = "..."
"""Between the first and the last partition of a run that is for many, as Dagster writes ranges."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingWork:
    """A sync and partition with work that nobody does.

    Attributes:
        attempt: number of the run that would take it up, for the key of its run request.
        not_before: deferred work waits for this time; None where it may go at once.
        why: how it came to wait, for people.
    """

    slice: Slice
    partition_key: str | None
    attempt: int
    not_before: datetime | None
    why: str

    @property
    def name(self) -> str:
        """Sync and partition."""
        return f"{self.slice.sync} of {self.partition_key}" if self.partition_key else self.slice.sync


def pending_work(engine: Engine, syncs: Iterable[str], now: datetime) -> list[PendingWork]:
    """Deferred work, and the last night of every nightly sync that did not run for it."""
    deferred = [_of_deferral(item) for item in pending_deferrals(engine)]
    known = set(syncs)
    missed = [work for sync in sorted(known) if (work := _missed(engine, sync, now)) is not None]
    return [item for item in deferred if item.slice.sync in known] + missed


def decide_pending(
    engine: Engine, works: Sequence[PendingWork], clock: Callable[[], datetime]
) -> list[tuple[PendingWork, Decision]]:
    """What the policy says of each piece, the more critical first; each counts what those before it take."""
    order = {"critical": 0, "normal": 1, "deferrable": 2}
    decided: list[tuple[PendingWork, Decision]] = []
    with QuotaBook(engine, clock=clock).desk() as desk:
        headroom, thresholds = desk.headroom(WATCHED_BUDGETS), read_thresholds(desk.connection)
        for work in sorted(works, key=lambda item: order[item.slice.criticality.value]):
            history = read_history(desk.connection, work.slice.sobject, desk.now)
            tried = with_trials(desk.connection, work.slice, work.partition_key)
            decision = decide(tried, headroom, history, thresholds, desk.now)
            headroom = promised(headroom, decision)
            decided.append((work, decision))
    return decided


def release_deferred(engine: Engine, clock: Callable[[], datetime]) -> list[PendingWork]:
    """Let go, before its time, deferred work that the policy would send now."""
    waiting = {item.run_id: item for item in pending_deferrals(engine) if _waits(item, clock())}
    works = {run_id: _of_deferral(item) for run_id, item in waiting.items()}
    decided = decide_pending(engine, list(works.values()), clock) if works else []
    go = [work for work, decision in decided if decision.action.sends]
    for run_id, work in works.items():
        if work in go:
            release(engine, run_id, clock=clock)
    return go


def _waits(item: Deferral, now: datetime) -> bool:
    return item.released_at is None and now < item.defer_until


def _of_deferral(item: Deferral) -> PendingWork:
    return PendingWork(
        slice=item.slice,
        partition_key=item.partition_key,
        attempt=item.attempts + 1,
        not_before=item.defer_until if item.released_at is None else None,
        why=item.sentence,
    )


def _missed(engine: Engine, sync: str, now: datetime) -> PendingWork | None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if now < midnight + MISSED_AFTER:
        return None
    night, *nights_before = (
        f"{midnight - timedelta(days=days):%Y-%m-%d}" for days in range(1, HABIT_NIGHTS + 2)
    )
    ran = [run.partition_key for run in recent_runs(engine, sync=sync, limit=RUNS_LOOKED_AT)]
    if _has_run(night, ran) or not any(_has_run(before, ran) for before in nights_before):
        return None
    with QuotaBook(engine, clock=lambda: now).desk() as desk:
        slice_ = last_slice(desk.connection, sync)
    if slice_ is None:
        return None
    why = f"The night of {night} was never tried."
    return PendingWork(slice=slice_, partition_key=night, attempt=1, not_before=None, why=why)


def _has_run(night: str, partition_keys: Iterable[str | None]) -> bool:
    """Whether a run was for the night, alone or in a range `first...last`; ISO dates sort as they follow."""
    ranges = (key.partition(RANGE_MARK) for key in partition_keys if key is not None)
    return any(first <= night <= (last or first) for first, _, last in ranges)
