"""Where an ingest job of an earlier process stands, by its journal and by the org.

The journal may lag one call behind the org, never more: each step is written before the next call. So a job
whose closing is not in the journal may be closed all the same, and the org is asked.
"""

from __future__ import annotations

from datetime import timedelta
from enum import Enum, auto

from sf_pipelines.ledger.load_queries import ChunkState, known_jobs
from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.errors import BulkJobNotFoundError, BulkJobStateError
from sf_pipelines.rails.ports import BulkJob, JobState, ResultKind
from sf_pipelines.workflows.work import LoadWork

CLOCK_TOLERANCE = timedelta(seconds=5)
"""An answer's date has whole seconds, and a job is created a little after the clock was read."""


class Standing(Enum):
    """What a journalled job means for its chunk."""

    NOTHING_SENT = auto()
    CLOSED = auto()


def standing_of(work: LoadWork, state: ChunkState) -> Standing:
    """Whether the org may have taken rows of the chunk; a job that was never closed is ended here.

    An Open job holds nothing that the org has looked at, so it is aborted and its chunk sent anew.
    """
    assert state.journal_id is not None
    if state.step == "aborted":
        return Standing.NOTHING_SENT
    if state.job_id is None:
        abort_orphans(work)
        work.tools.ledger.record_aborted(state.journal_id, "its process ended before the job had an id")
        return Standing.NOTHING_SENT
    if state.step not in ("created", "uploaded"):
        return Standing.CLOSED
    return _ask(work, state, state.job_id)


def abort_orphans(work: LoadWork) -> None:
    """Abort Open jobs of this user that no ledger row names: made by a call whose answer never came.

    Only jobs for this object and operation, made since this run began. The jobs of another sync that is at
    this moment between the call and its journal would fit too; its own process then makes a new one.
    """
    ingest, user_id = work.tools.client.ingest, work.tools.client.org.user_id()
    earliest = work.org_started_at - CLOCK_TOLERANCE
    ours = [
        job
        for job in ingest.jobs()
        if job.state is JobState.OPEN
        and (job.sobject, job.operation) == (work.sync.sobject, work.sync.operation.value)
        and job.created_by == user_id
        and job.created_at is not None
        and job.created_at >= earliest
    ]
    known = known_jobs(work.tools.engine, [job.id for job in ours])
    for job in ours:
        if job.id not in known:
            _abort(work, job.id)


def _ask(work: LoadWork, state: ChunkState, job_id: str) -> Standing:
    assert state.journal_id is not None
    ledger = work.tools.ledger
    try:
        job = work.tools.client.ingest.info(job_id)
    except BulkJobNotFoundError:
        if state.step == "created" or work.sync.operation is not Operation.INSERT:
            ledger.record_aborted(state.journal_id, f"job {job_id} is gone from the org")
            return Standing.NOTHING_SENT
        # closing it may have had its effect: what became of its rows is asked for when it is collected
        ledger.record_closed(state.journal_id)
        return Standing.CLOSED
    if job.state is JobState.OPEN and _abort(work, job_id):
        ledger.record_aborted(state.journal_id, "its process ended before the job was closed")
        return Standing.NOTHING_SENT
    if job.state is JobState.ABORTED and _is_untouched(work, job):
        ledger.record_aborted(state.journal_id, "it was aborted before any row was processed")
        return Standing.NOTHING_SENT
    if state.step == "created":
        ledger.record_uploaded(state.journal_id)
    ledger.record_closed(state.journal_id)
    return Standing.CLOSED


def _abort(work: LoadWork, job_id: str) -> bool:
    """False where the job was closed or ended meanwhile."""
    try:
        work.tools.client.ingest.abort(job_id)
    except (BulkJobStateError, BulkJobNotFoundError):
        return False
    return True


def _is_untouched(work: LoadWork, job: BulkJob) -> bool:
    """Whether an aborted job has no row in its results: its counter alone may lag behind a batch."""
    if job.records_processed:
        return False
    for kind in (ResultKind.SUCCESSFUL, ResultKind.FAILED):
        with work.tools.client.ingest.results(job.id, kind) as stream:
            header, _, rest = stream.read(1 << 20).partition(b"\n")
            del header
            if rest.strip():
                return False
    return True
