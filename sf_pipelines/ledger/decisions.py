"""A decision out of the ledger, as it was made: for the process that takes its run up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select

from sf_pipelines.ledger.engine import LedgerError, transaction
from sf_pipelines.ledger.tables import decision
from sf_pipelines.model.decision import Action, Decision, RailCost, Reason
from sf_pipelines.model.headroom import Budget, Headroom
from sf_pipelines.model.rail import Criticality, Direction, LatencyClass, Operation, Rail
from sf_pipelines.model.slice import Slice, StreamState


def read_decision(engine: Engine, run_id: UUID) -> Decision:
    """The latest decision of a run.

    Raises:
        LedgerError: there is none.
    """
    statement = select(decision).where(decision.c.run_id == run_id).order_by(decision.c.decided_at.desc())
    with transaction(engine) as connection:
        row = connection.execute(statement.limit(1)).mappings().one_or_none()
    if row is None:
        raise LedgerError(f"Run {run_id} has no decision in the ledger: start a new run.")
    return Decision(
        action=Action(row["action"]),
        rail=Rail(row["rail"]) if row["rail"] else None,
        because=tuple(Reason(**reason) for reason in row["because"]),
        rejected={Rail(rail): Reason(**reason) for rail, reason in row["rejected"].items()},
        costs={Rail(rail): _cost(cost) for rail, cost in row["costs"].items()},
        slice=slice_from_json(row["inputs"]["slice"]),
        headroom=_headroom(row["inputs"]["headroom"]),
        decided_at=row["decided_at"],
        forced=row["forced"],
        defer_until=row["defer_until"],
        pace_calls_per_minute=row["inputs"].get("pace_calls_per_minute"),
        remarks=tuple(Reason(**reason) for reason in row["inputs"].get("remarks", ())),
    )


def _cost(stored: Mapping[str, Any]) -> RailCost:
    known: dict[str, Any] = {**stored, "rail": Rail(stored["rail"])}
    return RailCost(**known)


def slice_from_json(stored: Mapping[str, Any]) -> Slice:
    """A slice as it was stored.

    Raises:
        ValueError: a word of it is none that this release knows.
    """
    next_start, failed_rail, stream = (stored.get(name) for name in ("next_start", "failed_rail", "stream"))
    return Slice(
        sync=stored["sync"],
        sobject=stored["sobject"],
        direction=Direction(stored["direction"]),
        operation=Operation(stored["operation"]),
        rows=stored["rows"],
        bytes_raw=stored["bytes_raw"],
        latency_class=LatencyClass(stored["latency_class"]),
        criticality=Criticality(stored["criticality"]),
        fields_refused_by_bulk=tuple(stored["fields_refused_by_bulk"]),
        distinct_parents=stored["distinct_parents"],
        next_start=datetime.fromisoformat(next_start) if next_start else None,
        attempt=stored.get("attempt", 1),
        failed_rail=Rail(failed_rail) if failed_rail else None,
        stream=StreamState(**stream) if stream else None,
    )


def _headroom(stored: Mapping[str, Any]) -> Headroom:
    # without the outlook, which is of its own moment: the run that is taken up is decided already
    names = ("maximum", "remaining", "reserved")
    budgets = {
        name: Budget(**{key: budget[key] for key in names if key in budget})
        for name, budget in stored["budgets"].items()
    }
    return Headroom(taken_at=datetime.fromisoformat(stored["taken_at"]), budgets=budgets)
