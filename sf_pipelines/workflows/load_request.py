"""What is asked of a load."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sf_pipelines.model.rail import Rail
from sf_pipelines.model.sync import LoadSync


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadRequest:
    """One run of a load.

    Attributes:
        forced_rail: a rail that a person asked for; None lets the policy choose.
        again: whether an insert that was done for this partition is to be done a second time.
        previous_run: the run whose failed rows this one sends again.
    """

    sync: LoadSync
    partition_key: str | None = None
    dagster_run_id: str | None = None
    forced_rail: Rail | None = None
    again: bool = False
    previous_run: UUID | None = None
