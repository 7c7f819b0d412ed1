"""What is asked of a load."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sf_pipelines.model.rail import Rail
from sf_pipelines.model.sync import LoadScope, LoadSync


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadRequest:
    """One run of a load.

    Attributes:
        forced_rail: a rail that a person asked for; None lets the policy choose.
        forced_reason: the person's words, kept with the decision.
        next_start: when the schedule that started the run does so again, None for any other run.
        again: whether an insert that was done for this partition is to be done a second time.
        previous_run: the run whose failed rows this one sends again.
        scope: whether all rows of the source are sent, or only those that have failed.
    """

    sync: LoadSync
    partition_key: str | None = None
    dagster_run_id: str | None = None
    forced_rail: Rail | None = None
    forced_reason: str = ""
    next_start: datetime | None = None
    again: bool = False
    previous_run: UUID | None = None
    scope: LoadScope = LoadScope.ALL
