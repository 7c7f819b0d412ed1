"""The nightly jobs and the weekly one, their schedules, and what all definitions share."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from sf_pipelines.components.launch import NEXT_START_TAG
from sf_pipelines.components.schedules import OWN_SCHEDULE
from sf_pipelines.resources.pipelines import PipelinesResource

NIGHTLY = timedelta(days=1)

nightly_load = dg.define_asset_job(
    "nightly_load",
    selection=dg.AssetSelection.groups("load") - dg.AssetSelection.tag(*OWN_SCHEDULE),
    description="Every load without a schedule of its own, parents before children.",
)

nightly_extract = dg.define_asset_job(
    "nightly_extract",
    selection=dg.AssetSelection.groups("extract"),
    description="Every extract of a night.",
)

weekly_id_audit = dg.define_asset_job(
    "weekly_id_audit",
    selection=dg.AssetSelection.groups("audit"),
    description="Every Id of every extracted object compared with the warehouse, for rows deleted for good.",
)


def _day_before(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """The day that has just ended; the partition of the running day would be read half."""
    day = f"{context.scheduled_execution_time - NIGHTLY:%Y-%m-%d}"
    tags = {NEXT_START_TAG: (context.scheduled_execution_time + NIGHTLY).isoformat()}
    return dg.RunRequest(run_key=day, partition_key=day, tags=tags)


@dg.schedule(job=nightly_load, cron_schedule="0 1 * * *", execution_timezone="UTC")
def nightly_load_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """At 01:00 UTC, the loads of the day before."""
    return _day_before(context)


@dg.schedule(job=nightly_extract, cron_schedule="0 3 * * *", execution_timezone="UTC")
def nightly_extract_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """At 03:00 UTC, the rows that changed on the day before."""
    return _day_before(context)


@dg.schedule(job=weekly_id_audit, cron_schedule="0 5 * * 0", execution_timezone="UTC")
def weekly_id_audit_schedule() -> dg.RunRequest:
    """On Sundays at 05:00 UTC: one Bulk job for each object."""
    return dg.RunRequest()


@dg.definitions
def nightly() -> dg.Definitions:
    """Jobs and schedules, the resource of every asset, and an executor that starts a step in milliseconds."""
    return dg.Definitions(
        jobs=[nightly_load, nightly_extract, weekly_id_audit],
        schedules=[nightly_load_schedule, nightly_extract_schedule, weekly_id_audit_schedule],
        resources={"pipelines": PipelinesResource()},
        executor=dg.in_process_executor,
    )
