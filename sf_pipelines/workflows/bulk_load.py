"""The Bulk side of a load: one ingest job per chunk, each step in the journal before the next call.

All chunks are handed over first and collected afterwards, so that the org works on them side by side.
What the result files say is in `ingest_results`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sf_pipelines.lake.payload import Payload, PayloadChunk
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.rails.errors import SalesforceError
from sf_pipelines.rails.ports import BulkJob, JobState
from sf_pipelines.workflows.ingest_results import collect_results
from sf_pipelines.workflows.journal import record_counted
from sf_pipelines.workflows.sent import Sent
from sf_pipelines.workflows.tools import Tools


@dataclass(frozen=True, kw_only=True, slots=True)
class _Submitted:
    chunk: PayloadChunk
    journal_id: UUID
    job_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Body:
    """The bytes of a chunk, from its start each time, so that an upload survives an expired session."""

    chunk: PayloadChunk

    def __iter__(self) -> Iterator[bytes]:
        return self.chunk.body()


def load_by_bulk(
    sync: LoadSync, payload: Payload, tools: Tools, run_id: UUID, *, expected_seconds: float
) -> Sent:
    """Send every chunk of a payload as an ingest job and account for every row of it."""
    submitted = [_submit(sync, chunk, tools, run_id) for chunk in payload.chunks]
    total = Sent()
    for item in submitted:
        job = tools.client.ingest.wait(item.job_id, expected_seconds=expected_seconds)
        total += _collect(sync, item, job, tools, run_id)
        tools.tell(f"{sync.name}: job {job.id} {job.state.value}, {job.records_processed:,} rows processed.")
    return total


def _submit(sync: LoadSync, chunk: PayloadChunk, tools: Tools, run_id: UUID) -> _Submitted:
    ledger, ingest = tools.ledger, tools.client.ingest
    journal_id = ledger.record_intent(
        run_id,
        sobject=sync.sobject,
        operation=sync.operation,
        chunk=chunk.number,
        rows=chunk.rows,
        bytes_raw=chunk.bytes_raw,
        payload_path=str(chunk.path),
    )
    external_id = sync.key if sync.operation is Operation.UPSERT else None
    job = ingest.create(sync.sobject, sync.operation, external_id_field=external_id)
    try:
        ledger.record_created(journal_id, job.id)
        ingest.upload(job.id, _Body(chunk=chunk))
        ledger.record_uploaded(journal_id)
        ingest.close(job.id)
    except BaseException as error:
        _abort_if_open(journal_id, job.id, tools, reason=str(error) or type(error).__name__)
        raise
    ledger.record_closed(journal_id)
    tools.tell(f"{sync.name}: chunk {chunk.number} ({chunk.rows:,} rows) handed over as job {job.id}.")
    return _Submitted(chunk=chunk, journal_id=journal_id, job_id=job.id)


def _abort_if_open(journal_id: UUID, job_id: str, tools: Tools, *, reason: str) -> None:
    """End a job that was not closed, so that no row was processed; a closed one is only ever read."""
    # the error at hand is the one to tell: where this fails too, the journal says how far the job came
    with suppress(SalesforceError, LedgerError):
        if tools.client.ingest.info(job_id).state is JobState.OPEN:
            tools.client.ingest.abort(job_id)
            tools.ledger.record_aborted(journal_id, reason)


def _collect(sync: LoadSync, item: _Submitted, job: BulkJob, tools: Tools, run_id: UUID) -> Sent:
    record_counted(tools.ledger, item.journal_id, job)
    results = collect_results(sync.key, item.chunk, job, tools)
    tools.ledger.store_outcomes(
        run_id,
        chunk=item.chunk.number,
        rail=Rail.BULK,
        counts=results.counts,
        failed=results.failed_records(),
        journal_id=item.journal_id,
    )
    return Sent(counts=results.counts, disagreements=results.disagreements, job_ids=(job.id,))
