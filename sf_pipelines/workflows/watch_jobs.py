"""Looks at every ingest job of the org by one list call: which runs to take up, and whose jobs failed.

Sends nothing to the org but questions, and writes nothing to the ledger but what it saw of foreign jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sf_pipelines.ledger.load_queries import UnfinishedRun, known_jobs, unfinished_loads
from sf_pipelines.ledger.load_verbs import ForeignJob
from sf_pipelines.ledger.locks import is_busy
from sf_pipelines.ledger.queries import unfinished_jobs
from sf_pipelines.rails.errors import BulkJobNotFoundError
from sf_pipelines.rails.ports import BulkIngestPort, BulkJob, JobState
from sf_pipelines.workflows.tools import Tools

FOREIGN_JOBS_AT_ONCE = 20
"""Foreign jobs looked at in one go: a call each, since a list has no counters."""

UNDER_WAY = frozenset({JobState.UPLOAD_COMPLETE, JobState.IN_PROGRESS})


@dataclass(frozen=True, kw_only=True, slots=True)
class JobWatch:
    """What there is to do, and what there is to know.

    Attributes:
        ready: unfinished runs that nobody works on, and none of whose jobs is under way in the org.
        waiting: the others that nobody works on, with a job that is under way.
        at_work: runs that a process works on.
        listed: ingest jobs in the org's list.
        foreign: finished jobs that others made, seen for the first time.
    """

    ready: tuple[UnfinishedRun, ...]
    waiting: tuple[tuple[UnfinishedRun, str], ...]
    at_work: tuple[UnfinishedRun, ...]
    listed: int
    foreign: tuple[ForeignJob, ...]

    @property
    def partly_failed(self) -> tuple[ForeignJob, ...]:
        """Foreign jobs with rows that failed, which no run of ours will ever read."""
        return tuple(job for job in self.foreign if job.records_failed)


def watch_jobs(tools: Tools) -> JobWatch:
    """Look once.

    Raises:
        SalesforceError, LedgerError: the org or the ledger cannot be asked.
    """
    listed = {job.id: job for job in tools.client.ingest.jobs()}
    jobs_of = _jobs_by_run(tools)
    ready: list[UnfinishedRun] = []
    waiting: list[tuple[UnfinishedRun, str]] = []
    at_work: list[UnfinishedRun] = []
    for run in unfinished_loads(tools.engine):
        under_way = [
            job_id
            for job_id in jobs_of.get(run.run_id, ())
            if job_id in listed and listed[job_id].state in UNDER_WAY
        ]
        if is_busy(tools.engine, run.sync):
            at_work.append(run)
        elif under_way:
            waiting.append((run, under_way[0]))
        else:
            ready.append(run)
    return JobWatch(
        ready=tuple(ready),
        waiting=tuple(waiting),
        at_work=tuple(at_work),
        listed=len(listed),
        foreign=_new_foreign_jobs(listed.values(), tools),
    )


def _jobs_by_run(tools: Tools) -> Mapping[UUID, list[str]]:
    by_run: dict[UUID, list[str]] = {}
    for job in unfinished_jobs(tools.engine):
        if job.job_id is not None:
            by_run.setdefault(job.run_id, []).append(job.job_id)
    return by_run


def _new_foreign_jobs(listed: Iterable[BulkJob], tools: Tools) -> tuple[ForeignJob, ...]:
    finished = [job for job in listed if job.state.is_terminal]
    known = known_jobs(tools.engine, [job.id for job in finished])
    new = [job for job in finished if job.id not in known][:FOREIGN_JOBS_AT_ONCE]
    foreign = [job for item in new if (job := _look_at(tools.client.ingest, item)) is not None]
    tools.ledger.record_foreign_jobs(foreign)
    return tuple(foreign)


def _look_at(ingest: BulkIngestPort, listed: BulkJob) -> ForeignJob | None:
    try:
        job = ingest.info(listed.id)
    except BulkJobNotFoundError:
        return None
    return ForeignJob(
        job_id=job.id,
        sobject=job.sobject or "",
        operation=job.operation,
        created_by=job.created_by,
        org_state=job.state.value,
        records_processed=job.records_processed,
        records_failed=job.records_failed,
    )
