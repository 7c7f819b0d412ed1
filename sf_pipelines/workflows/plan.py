"""What would happen now, and at what price: one run of a sync, or a whole backfill of nights.

Nothing is sent, promised or written; one call may be made to read the quotas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import Engine

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.history import last_slice, read_history
from sf_pipelines.ledger.quota import read_headroom
from sf_pipelines.ledger.thresholds import read_thresholds
from sf_pipelines.model.decision import Action, Decision
from sf_pipelines.model.headroom import WATCHED_BUDGETS, Headroom
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.budgets import promised
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.policy.thresholds import Thresholds
from sf_pipelines.workflows.errors import WorkflowError

MOST_NIGHTS = 3_660


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillPlan:
    """A backfill before it starts.

    Attributes:
        nights: partitions, both ends included; api_calls, jobs, batches, bytes_raw, minutes: sums of all.
        runs_now: nights that the policy would send one after the other before it puts one off.
        first: the decision about the first night; held_back: about the first that would wait, if any.
    """

    nights: int
    api_calls: int
    jobs: int
    batches: int
    bytes_raw: int
    minutes: float
    runs_now: int
    first: Decision
    held_back: Decision | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a plan is made on."""

    headroom: Headroom
    history: History
    thresholds: Thresholds
    now: datetime


def estimated_slice(engine: Engine, sync: Slice, *, rows: int | None, bytes_raw: int | None) -> Slice:
    """The work of a sync: rows and bytes as given, else as in its newest run.

    Args:
        sync: the sync's own words, with 0 rows.

    Raises:
        WorkflowError: no rows are given and the sync has never run, or a figure is negative.
    """
    if (rows is not None and rows < 0) or (bytes_raw is not None and bytes_raw < 0):
        raise WorkflowError("Rows and bytes are 0 or more: give other figures.")
    with transaction(engine) as connection:
        known = last_slice(connection, sync.sync)
    if rows is None and known is None:
        raise WorkflowError(f"{sync.sync} has never run, so its size is unknown: give --rows.")
    if rows is None and known is not None:
        rows = known.rows
    width = known.bytes_raw / known.rows if known is not None and known.rows else DEFAULT_BYTES_PER_ROW
    size = bytes_raw if bytes_raw is not None else round((rows or 0) * width)
    refused = known.fields_refused_by_bulk if known is not None else ()
    return replace(sync, rows=rows or 0, bytes_raw=size, fields_refused_by_bulk=refused)


DEFAULT_BYTES_PER_ROW = 200
"""Width of a CSV row before anything was measured."""


def facts(engine: Engine, sobject: str, clock: Callable[[], datetime]) -> Facts:
    """The ledger's facts of this moment, in one transaction."""
    now = clock()
    with transaction(engine) as connection:
        return Facts(
            headroom=read_headroom(connection, WATCHED_BUDGETS, now),
            history=read_history(connection, sobject, now),
            thresholds=read_thresholds(connection),
            now=now,
        )


def plan_run(slice_: Slice, known: Facts) -> Decision:
    """What would happen to one run now."""
    return decide(slice_, known.headroom, known.history, known.thresholds, known.now)


def plan_backfill(slice_: Slice, known: Facts, first_night: date, last_night: date) -> BackfillPlan:
    """The price of one run a night, and how far it would get at once.

    Raises:
        WorkflowError: the nights are in the wrong order or too many, or no rail can carry the slice.
    """
    nights = (last_night - first_night).days + 1
    if not 1 <= nights <= MOST_NIGHTS:
        raise WorkflowError(
            f"From {first_night} to {last_night} are {nights:,} nights: give 1 to {MOST_NIGHTS:,}, "
            "the earlier one first."
        )
    first = plan_run(slice_, known)
    if first.action is Action.REFUSE:
        raise WorkflowError(" ".join(reason.text for reason in first.because))
    rail = first.rail or min(first.costs, key=lambda item: first.costs[item].api_calls)
    price = first.costs[rail]
    runs_now, held_back = _how_far(slice_, known, nights)
    return BackfillPlan(
        nights=nights,
        api_calls=price.api_calls * nights,
        jobs=price.jobs * nights,
        batches=price.batches * nights,
        bytes_raw=price.bytes_raw * nights,
        minutes=round(price.seconds * nights / 60, 1),
        runs_now=runs_now,
        first=first,
        held_back=held_back,
    )


def _how_far(slice_: Slice, known: Facts, nights: int) -> tuple[int, Decision | None]:
    """Nights that follow one another at once, each finding what those before it have used."""
    for night in range(nights):
        decision = plan_run(slice_, known)
        if decision.rail is None:
            return night, decision
        known = replace(known, headroom=promised(known.headroom, decision))
    return nights, None
