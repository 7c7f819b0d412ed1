"""A load that runs by a schedule of its own, in place of the nightly job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from sf_pipelines.components.launch import NEXT_START_TAG
from sf_pipelines.components.sync_tags import OBJECT_TAG
from sf_pipelines.components.yaml_models import ScheduleBlock
from sf_pipelines.model.sync import LoadSync

OWN_SCHEDULE = ("salesforce/schedule", "own")
"""Tag of an asset that the nightly job leaves alone."""


def sync_schedule(sync: LoadSync, key: dg.AssetKey, block: ScheduleBlock) -> dg.ScheduleDefinition:
    """The schedule `<sync>_schedule` of the asset; off until somebody turns it on, as every schedule."""

    @dg.schedule(
        name=f"{sync.name}_schedule",
        target=dg.AssetSelection.assets(key),
        cron_schedule=block.cron,
        execution_timezone=block.timezone,
        tags={OBJECT_TAG: sync.sobject},
        description=f"{sync.name} for the {block.day} UTC day.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        at = context.scheduled_execution_time.astimezone(UTC)
        day = at - timedelta(days=1) if block.day == "ended" else at
        return dg.RunRequest(
            run_key=f"{sync.name}:{at:%Y-%m-%dT%H:%MZ}",
            partition_key=f"{day:%Y-%m-%d}",
            tags=_next_start(block, at),
        )

    return tick


def _next_start(block: ScheduleBlock, at: datetime) -> dict[str, str]:
    """Tag with the tick after this one: the policy takes it for a deadline."""
    windows = dg.TimeWindowPartitionsDefinition(
        start=at - timedelta(days=1),
        fmt="%Y-%m-%d %H:%M %z",
        cron_schedule=block.cron,
        timezone=block.timezone,
    )
    window = windows.get_next_partition_window(at)  # it begins at the tick or, off the cron, after it
    if window is None:
        return {}
    following = window.start if window.start > at else window.end
    return {NEXT_START_TAG: following.astimezone(UTC).isoformat()}
