"""What a person may set when materializing a sync by hand."""

from __future__ import annotations

from typing import Literal

import dagster as dg
from pydantic import Field

from sf_pipelines.model.rail import Rail


class LaunchConfig(dg.Config):
    """Launchpad form of a sync."""

    rail: Literal["auto", "rest", "bulk"] = Field(
        default="auto", description="auto lets the policy choose; a forced rail is honoured or refused"
    )

    @property
    def forced_rail(self) -> Rail | None:
        """The rail that was asked for, None to let the policy choose."""
        return None if self.rail == "auto" else Rail(self.rail)


class LoadLaunchConfig(LaunchConfig):
    """Launchpad form of a load."""

    again: bool = Field(
        default=False,
        description="insert all rows of this partition a second time, although an earlier run has done it",
    )
