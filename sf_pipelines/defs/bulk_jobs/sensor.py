"""The sensor `bulk_job_results`: asks for the run that takes up what a dead process has left in the org."""

from __future__ import annotations

import dagster as dg

from sf_pipelines.components.load import load_key
from sf_pipelines.components.sync_tags import asset_keys
from sf_pipelines.ledger.load_queries import UnfinishedRun
from sf_pipelines.present.bulk_jobs import BULK_JOBS, foreign_job_events, watch_sentence
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.watch_jobs import watch_jobs

EVERY_SECONDS = 600
"""One metered call each time: 144 a day."""


@dg.sensor(
    name="bulk_job_results",
    asset_selection=dg.AssetSelection.groups("load", "usage"),
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes up unfinished loads, and flags jobs of others whose rows failed.",
)
def bulk_job_results(context: dg.SensorEvaluationContext, pipelines: PipelinesResource) -> dg.SensorResult:
    """One list call for all jobs; a run for each load that nobody works on and no job holds up."""
    with pipelines.open(tell=context.log.info) as tools:
        watch = watch_jobs(tools)
    keys = asset_keys(context)
    requests = [
        _request(run, run.partition_key, keys.get(run.sync, load_key(run.sobject)))
        for run in watch.ready
        if run.partition_key is not None
    ]
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else watch_sentence(watch),
        asset_events=foreign_job_events(watch.partly_failed),
    )


def _request(run: UnfinishedRun, partition_key: str, key: dg.AssetKey) -> dg.RunRequest:
    """The attempt is part of the key, since Dagster never starts a key twice, whatever became of its run."""
    attempt = run.attempts + 1
    return dg.RunRequest(
        run_key=f"{run.sync}:{partition_key}:{run.run_id}:attempt-{attempt}",
        asset_selection=[key],
        partition_key=partition_key,
        tags={"salesforce/takes_up": str(run.run_id), "salesforce/attempt": str(attempt)},
    )


@dg.definitions
def bulk_jobs() -> dg.Definitions:
    """The sensor, and the asset that its observations belong to."""
    asset = dg.AssetSpec(
        BULK_JOBS,
        group_name="ledger",
        description="Ingest jobs of the org as the ledger knows them; observed by bulk_job_results.",
    )
    return dg.Definitions(assets=[asset], sensors=[bulk_job_results])
