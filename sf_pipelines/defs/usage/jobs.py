"""The hourly job of the usage syncs: the models that they push, then the syncs."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from sf_pipelines.components.dbt_models import model_key
from sf_pipelines.components.launch import NEXT_START_TAG

HOUR = timedelta(hours=1)

usage_hourly = dg.define_asset_job(
    "usage_hourly",
    selection=dg.AssetSelection.groups("usage")
    | dg.AssetSelection.assets(model_key("stg_daily_usage", schema="staging"), model_key("account_usage")),
    description="Aggregates product usage, and pushes to the org what has changed.",
)


@dg.schedule(job=usage_hourly, cron_schedule="10 * * * *", execution_timezone="UTC")
def usage_hourly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """At ten past, the hour that has ended; one that was missed is made good by the next."""
    hour = f"{context.scheduled_execution_time - HOUR:%Y-%m-%d-%H:00}"
    tags = {NEXT_START_TAG: (context.scheduled_execution_time + HOUR).isoformat()}
    return dg.RunRequest(run_key=hour, partition_key=hour, tags=tags)


@dg.definitions
def usage() -> dg.Definitions:
    """Job and schedule."""
    return dg.Definitions(jobs=[usage_hourly], schedules=[usage_hourly_schedule])
