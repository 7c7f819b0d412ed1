"""What the sensor of Bulk jobs says: a sentence with figures, and what it saw of foreign jobs that failed."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from sf_pipelines.ledger.load_verbs import ForeignJob
from sf_pipelines.workflows.watch_jobs import JobWatch

BULK_JOBS = dg.AssetKey(["ledger", "bulk_jobs"])


def watch_sentence(watch: JobWatch) -> str:
    """Why no run is asked for."""
    unfinished = len(watch.ready) + len(watch.waiting) + len(watch.at_work)
    parts = [
        f"{watch.listed:,} ingest jobs are in the org's list and {unfinished:,} loads are unfinished",
        f"{len(watch.at_work):,} of them are being worked on",
    ]
    parts += [f"{run.sync} waits for job {job_id}, which is under way" for run, job_id in watch.waiting]
    parts += [
        f"run {run.run_id} of {run.sync} belongs to no partition, so start that load by hand"
        for run in watch.ready
        if run.partition_key is None
    ]
    return "; ".join(parts) + ": no run is asked for."


def foreign_job_events(jobs: Sequence[ForeignJob]) -> list[dg.AssetObservation]:
    """One observation that names the foreign jobs with failed rows; none where all rows arrived."""
    if not jobs:
        return []
    failed = sum(job.records_failed for job in jobs)
    records = [
        dg.TableRecord(
            {
                "job": job.job_id,
                "object": job.sobject,
                "operation": job.operation,
                "state": job.org_state,
                "rows_processed": job.records_processed,
                "rows_failed": job.records_failed,
            }
        )
        for job in jobs
    ]
    description = (
        f"{len(jobs):,} jobs that no run of ours made ended with {failed:,} failed rows: fetch their "
        "failed results within seven days."
    )
    return [
        dg.AssetObservation(
            asset_key=BULK_JOBS,
            description=description,
            metadata={
                "foreign_jobs_partly_failed": dg.MetadataValue.int(len(jobs)),
                "foreign_rows_failed": dg.MetadataValue.int(failed),
                "jobs": dg.MetadataValue.table(records=records),
            },
        )
    ]
