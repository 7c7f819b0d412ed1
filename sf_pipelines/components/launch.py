"""What a person may set when materializing a sync by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
from pydantic import Field

from sf_pipelines.model.rail import Rail
from sf_pipelines.model.sync import LoadScope

REASON_TAG = "salesforce/forced_reason"
RAIL_TAG = "salesforce/rail"

NEXT_START_TAG = "salesforce/next_start"
"""Set by a schedule on the runs that it asks for: when it does so again, ISO 8601."""


class LaunchConfig(dg.Config):
    """Launchpad form of a sync."""

    rail: Literal["auto", "rest", "bulk"] = Field(
        default="auto", description="auto lets the policy choose; a forced rail is honoured or refused"
    )
    reason: str = Field(
        default="", max_length=500, description="why the rail is forced; needed unless rail is auto, and kept"
    )
    routed_rail: Literal["none", "rest", "bulk"] = Field(
        default="none",
        description="set by rail_router: what it decided; the run decides again when it starts",
    )

    @property
    def forced_rail(self) -> Rail | None:
        """The rail that was asked for, None to let the policy choose."""
        return None if self.rail == "auto" else Rail(self.rail)

    def accept(self, context: dg.AssetExecutionContext) -> None:
        """Keep the reason of a forced rail where the list of runs shows it.

        Raises:
            dagster.Failure: a rail is forced without a reason.
        """
        if self.forced_rail is not None:
            if not self.reason.strip():
                raise dg.Failure(
                    f"Rail {self.rail} is forced without a reason: say why in 'reason', or set rail to auto.",
                    allow_retries=False,
                )
            tags = {RAIL_TAG: self.rail, REASON_TAG: self.reason.strip()}
            context.instance.add_run_tags(context.run.run_id, tags)

    def told_rail(self, decided: Rail | None) -> str | None:
        """A sentence where the run decided otherwise than the sensor that asked for it."""
        if self.routed_rail == "none" or decided is None or decided.value == self.routed_rail:
            return None
        return f"rail_router had decided {self.routed_rail}; with the facts of now it is {decided.value}."


class LoadLaunchConfig(LaunchConfig):
    """Launchpad form of a load."""

    again: bool = Field(
        default=False,
        description="insert all rows of this partition a second time, although an earlier run has done it",
    )
    scope: Literal["all", "failed", "retryable"] = Field(
        default="all",
        description="all rows of the source; those that failed before; or of these only what passes by "
        "itself or has changed at the source",
    )
    corrections: str = Field(
        default="",
        description="with scope failed: CSV file with the rows as they should be, made by "
        "'sf-pipelines failures --export' and mended by hand; empty reads the source",
    )

    @property
    def load_scope(self) -> LoadScope:
        """The model noun."""
        return LoadScope(self.scope)


def next_start_of(run_tags: Mapping[str, str]) -> datetime | None:
    """When the schedule that started a run does so again; None for a run that no schedule started.

    Raises:
        dagster.Failure: the tag holds no time.
    """
    told = run_tags.get(NEXT_START_TAG)
    if told is None:
        return None
    try:
        return datetime.fromisoformat(told).astimezone(UTC)
    except ValueError as error:
        raise dg.Failure(
            f"The run's tag {NEXT_START_TAG} is '{told}': give a time such as 2026-01-31T01:00:00+00:00.",
            allow_retries=False,
        ) from error
