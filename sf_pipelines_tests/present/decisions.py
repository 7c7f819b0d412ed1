"""Decisions made by hand, so that what is shown does not move with the policy's figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sf_pipelines.model.decision import Action, Decision, RailCost, Reason
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget, Headroom
from sf_pipelines.model.rail import Direction, Operation, Rail
from sf_pipelines.model.slice import Slice

NOW = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
WORK = Slice(
    sync="account_load",
    sobject="Account",
    direction=Direction.LOAD,
    operation=Operation.UPSERT,
    rows=200_000,
    bytes_raw=20_000_000,
)
LEFT = Headroom(taken_at=NOW, budgets={DAILY_API_REQUESTS: Budget(maximum=100_000, remaining=99_000)})
COSTS: Mapping[Rail, RailCost] = {
    Rail.REST: RailCost(
        rail=Rail.REST, api_calls=1_200, jobs=0, batches=0, bytes_raw=20_000_000, seconds=840.0
    ),
    Rail.BULK: RailCost(
        rail=Rail.BULK, api_calls=14, jobs=1, batches=20, bytes_raw=20_000_000, seconds=211.2
    ),
}
NO_CDC = Reason(code="cdc_carries_changes_only", text="CDC only tells of changes.", figures={})


def reason(code: str, text: str) -> Reason:
    """A reason without figures."""
    return Reason(code=code, text=text, figures={})


RUN = Decision(
    action=Action.RUN,
    rail=Rail.BULK,
    because=(reason("cheapest", "Bulk is cheapest."), reason("fits_budget", "It fits.")),
    rejected={Rail.CDC: NO_CDC, Rail.REST: reason("dearer", "REST is dearer.")},
    costs=COSTS,
    slice=WORK,
    headroom=LEFT,
    decided_at=NOW,
)
DEFERRED = replace(
    RUN,
    action=Action.DEFER,
    rail=None,
    because=(reason("over_budget", "REST is too dear."), reason("over_budget", "Bulk is too dear.")),
    rejected={
        Rail.CDC: NO_CDC,
        Rail.REST: reason("over_budget", "REST is too dear."),
        Rail.BULK: reason("over_budget", "Bulk is too dear."),
    },
    defer_until=NOW + timedelta(hours=1),
)
REFUSED = replace(
    RUN,
    action=Action.REFUSE,
    rail=None,
    because=(reason("fields_refused_by_bulk", "Bulk cannot select Photo."),),
    rejected={
        Rail.CDC: NO_CDC,
        Rail.BULK: reason("fields_refused_by_bulk", "Bulk cannot select Photo."),
        Rail.REST: reason("not_the_forced_rail", "Bulk was asked for."),
    },
    forced=True,
)
