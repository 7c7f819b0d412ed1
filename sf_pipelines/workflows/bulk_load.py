"""The Bulk side of a load: one ingest job per chunk, each step in the journal before the next call.

Chunks are handed over first and collected afterwards, so that the org works on them side by side; one that
shares a parent with others waits for them. A chunk that an earlier process has begun is taken up at the step
where its journal stands. What the result files say is in `ingest_results`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sf_pipelines.lake.chunk import PayloadChunk
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.load_queries import ChunkState
from sf_pipelines.ledger.load_verbs import ChunkPlan
from sf_pipelines.model.outcome import FailedRecord
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.rails.errors import BulkJobNotFoundError, SalesforceError, UnknownOutcomeError
from sf_pipelines.rails.ports import BulkJob, JobState
from sf_pipelines.workflows.accepted import accepted_rows
from sf_pipelines.workflows.failures import failed_record
from sf_pipelines.workflows.gone_results import store_gone
from sf_pipelines.workflows.ingest_results import IngestResults, collect_results
from sf_pipelines.workflows.journal import record_counted
from sf_pipelines.workflows.taken_up_jobs import Standing, abort_orphans, standing_of
from sf_pipelines.workflows.work import LoadWork

SUBMIT_ATTEMPTS = 3
"""Jobs made for one chunk, where answers are lost before a job is closed: until then nothing was written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Handed:
    plan: ChunkPlan
    journal_id: UUID
    job_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Body:
    """The bytes of a chunk, from its start each time, so that an upload survives an expired session."""

    chunk: PayloadChunk

    def __iter__(self) -> Iterator[bytes]:
        return self.chunk.body()


def send_by_bulk(work: LoadWork, chunks: Sequence[ChunkState]) -> None:
    """Bring every chunk without an outcome to its outcome.

    Raises:
        SalesforceError: the org refuses, or cannot be reached; what was stored before stays.
    """
    handed: list[_Handed] = []
    for state in chunks:
        if state.has_outcome:
            continue
        if state.plan.is_after:
            _collect_all(work, handed)
            handed = []
        handed.append(_hand_over(work, state))
    _collect_all(work, handed)


def collect_known(work: LoadWork, state: ChunkState) -> bool:
    """Read what became of a chunk whose job was closed, and abort one that was not; nothing is sent.

    Gives whether the chunk has an outcome now.
    """
    if state.journal_id is None or standing_of(work, state) is Standing.NOTHING_SENT:
        return False
    assert state.job_id is not None
    _collect(work, _Handed(plan=state.plan, journal_id=state.journal_id, job_id=state.job_id))
    return True


def _hand_over(work: LoadWork, state: ChunkState) -> _Handed:
    """The job of a chunk: the one that an earlier process has closed, else a new one."""
    if state.journal_id is not None and standing_of(work, state) is Standing.CLOSED:
        assert state.job_id is not None
        work.tell(f"chunk {state.plan.chunk} is taken up as job {state.job_id}.")
        return _Handed(plan=state.plan, journal_id=state.journal_id, job_id=state.job_id)
    for _ in range(SUBMIT_ATTEMPTS - 1):
        with suppress(UnknownOutcomeError):
            return _submit(work, state.plan)
    return _submit(work, state.plan)


def _submit(work: LoadWork, plan: ChunkPlan) -> _Handed:
    ledger, ingest, sync = work.tools.ledger, work.tools.client.ingest, work.sync
    journal_id = ledger.record_intent(
        work.run_id,
        sobject=sync.sobject,
        operation=sync.operation,
        chunk=plan.chunk,
        rows=plan.rows,
        bytes_raw=plan.bytes_raw,
        payload_path=plan.payload_path,
        attempt=work.attempt,
    )
    job = _create(work, journal_id)
    try:
        ledger.record_created(journal_id, job.id)
        ingest.upload(job.id, _Body(chunk=work.chunk(plan)))
        ledger.record_uploaded(journal_id)
        ingest.close(job.id)
    except BaseException as error:
        _abort_if_open(work, journal_id, job.id, reason=str(error) or type(error).__name__)
        raise
    ledger.record_closed(journal_id)
    work.tell(f"chunk {plan.chunk} ({plan.rows:,} rows) handed over as job {job.id}.")
    return _Handed(plan=plan, journal_id=journal_id, job_id=job.id)


def _create(work: LoadWork, journal_id: UUID) -> BulkJob:
    sync = work.sync
    external_id = sync.key if sync.operation is Operation.UPSERT else None
    try:
        return work.tools.client.ingest.create(sync.sobject, sync.operation, external_id_field=external_id)
    except UnknownOutcomeError as error:
        abort_orphans(work)
        work.tools.ledger.record_aborted(journal_id, str(error))
        raise


def _abort_if_open(work: LoadWork, journal_id: UUID, job_id: str, *, reason: str) -> None:
    """End a job that was not closed, so that no row was processed; a closed one is only ever read."""
    # the error at hand is the one to tell: where this fails too, the journal says how far the job came
    with suppress(SalesforceError, LedgerError):
        if work.tools.client.ingest.info(job_id).state is JobState.OPEN:
            work.tools.client.ingest.abort(job_id)
            work.tools.ledger.record_aborted(journal_id, reason)


def _collect_all(work: LoadWork, handed: Sequence[_Handed]) -> None:
    for item in handed:
        _collect(work, item)


def _collect(work: LoadWork, item: _Handed) -> None:
    expected_seconds = work.decision.costs[Rail.BULK].seconds if Rail.BULK in work.decision.costs else 0.0
    try:
        job = work.tools.client.ingest.wait(item.job_id, expected_seconds=expected_seconds)
        record_counted(work.tools.ledger, item.journal_id, job)
        results = collect_results(work.identity, work.chunk(item.plan), job, work.tools)
    except BulkJobNotFoundError as error:
        store_gone(work, item.plan, item.journal_id, item.job_id, error)
        return
    work.tools.ledger.store_outcomes(
        work.run_id,
        chunk=item.plan.chunk,
        rail=Rail.BULK,
        counts=results.counts,
        failed=_failed_records(work, item.plan, results),
        journal_id=item.journal_id,
        disagreements=[disagreement.stored() for disagreement in results.disagreements],
        accepted=_accepted(work, item.plan, results),
    )
    results.remove_files()
    work.tell(f"job {job.id} {job.state.value}, {job.records_processed:,} rows processed.")


def _accepted(work: LoadWork, plan: ChunkPlan, results: IngestResults):
    chunk = work.chunk(plan)
    if not work.sync.only_changed or results.disagreements or not chunk.path.exists():
        return None
    return accepted_rows(work, chunk.batches(), results.rejected_keys())


def _failed_records(work: LoadWork, plan: ChunkPlan, results: IngestResults) -> Iterator[FailedRecord]:
    for row, state in results.rejected_rows():
        yield failed_record(work, plan, row.values, row.error, state=state, job_id=results.job.id)
