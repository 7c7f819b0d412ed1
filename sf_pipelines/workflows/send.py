"""A run's rows to their end, attempt by attempt: send what has no outcome, then again what was locked.

New runs and runs that are taken up go the same way: a chunk is what the ledger says of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

import pyarrow as pa

from sf_pipelines.lake.chunk import PayloadChunk
from sf_pipelines.lake.payload import Payload, write_chunks
from sf_pipelines.lake.row_refusals import long_fields
from sf_pipelines.ledger.load_queries import ChunkState, RetryRow, chunks_of_run, load_totals, rows_to_resend
from sf_pipelines.ledger.load_verbs import ChunkPlan
from sf_pipelines.model.outcome import FailedRecord, FailureClass, OutcomeCounts, OutcomeState, RecordError
from sf_pipelines.model.rail import Rail
from sf_pipelines.policy.failure_classes import VALUE_TOO_LONG, classify
from sf_pipelines.policy.retry_plan import RESENT_AT_ONCE, RetryStep, next_step
from sf_pipelines.workflows.bulk_load import send_by_bulk
from sf_pipelines.workflows.failures import failed_record
from sf_pipelines.workflows.payload_rows import rows_of_payload
from sf_pipelines.workflows.rest_load import send_by_rest
from sf_pipelines.workflows.rows import row_values
from sf_pipelines.workflows.work import LoadWork, locking_parent

NO_RAIL = "none"
"""Rail of rows that are refused before anything is sent."""


def send_all(work: LoadWork) -> None:
    """Bring every row of the run to its outcome, locked ones in further attempts.

    Raises:
        SalesforceError: the org refuses, or cannot be reached; the next process goes on from there.
    """
    attempt = 1
    while chunks := chunks_of_run(work.tools.engine, work.run_id, attempt=attempt):
        _send_attempt(work, chunks)
        is_planned = bool(chunks_of_run(work.tools.engine, work.run_id, attempt=attempt + 1))
        if not is_planned and not _plan_retry(work, chunks):
            return
        attempt += 1


def plans_of(payload: Payload, rail: Rail, *, chunk_rows: int, is_grouped: bool) -> list[ChunkPlan]:
    """The chunks of a payload as they travel: a file is a job, or is cut into calls of so many rows."""
    plans: list[ChunkPlan] = []
    if rail is Rail.BULK:
        plans = [_job_plan(chunk, chunk.number, 1, is_grouped=is_grouped) for chunk in payload.chunks]
    else:
        for file in payload.chunks:
            plans.extend(_call_plans(file, len(plans), 1, rows=chunk_rows, collection_rows=None))
    if payload.refused is not None:
        plans.append(_plan(payload.refused, len(plans), 1, rail=NO_RAIL, rows=payload.refused.rows))
    return plans


def _send_attempt(work: LoadWork, chunks: Sequence[ChunkState]) -> None:
    of_rail = {
        rail: [state for state in chunks if state.plan.rail == rail] for rail in (NO_RAIL, "bulk", "rest")
    }
    for state in of_rail[NO_RAIL]:
        if not state.has_outcome:
            _store_refused(work, state.plan)
    if of_rail["bulk"]:
        send_by_bulk(work, of_rail["bulk"])
    if of_rail["rest"]:
        send_by_rest(work, of_rail["rest"])


def _store_refused(work: LoadWork, plan: ChunkPlan) -> None:
    counts = OutcomeCounts(submitted=plan.rows, failed=plan.rows, errors={VALUE_TOO_LONG: plan.rows})
    work.tools.ledger.store_outcomes(
        work.run_id,
        chunk=plan.chunk,
        rail=work.decision.rail or Rail.REST,
        counts=counts,
        failed=_refused_records(work, plan),
    )


def _refused_records(work: LoadWork, plan: ChunkPlan) -> Iterator[FailedRecord]:
    for batch in work.chunk(plan).batches():
        for index in range(batch.num_rows):
            values = row_values(batch, index)
            fields = long_fields(values)
            message = (
                f"Not sent: {', '.join(fields)} and the record are longer than Salesforce takes "
                "(131,072 characters in a field, 400,000 in a record): shorten it at the source."
            )
            error = RecordError(code=VALUE_TOO_LONG, message=message, fields=fields)
            yield failed_record(work, plan, values, error, state=OutcomeState.FAILED)


def _plan_retry(work: LoadWork, chunks: Sequence[ChunkState]) -> bool:
    """Write and register the rows that go again; False where none does."""
    attempt = chunks[0].plan.attempt
    locked = _locked_rows(work, attempt)
    rail = Rail.BULK if any(state.plan.rail == "bulk" for state in chunks) else Rail.REST
    step = next_step(attempt=attempt, rail=rail, rows=locked)
    if step is None:
        return False
    first = max(state.plan.chunk for state in chunks) + 1
    files, _ = write_chunks(
        _rows_again(work, chunks),
        columns=work.sync.field_names,
        key=work.sync.key,
        folder=work.folder,
        max_bytes=work.tools.job_max_bytes,
        max_rows=step.chunk_rows if step.rail is Rail.BULK else None,
        parent=locking_parent(work.sync, work.describe),
        name=f"attempt-{attempt + 1}",
    )
    plans = list(_retry_plans(files, step, first=first, attempt=attempt + 1))
    work.tools.ledger.register_retry(work.run_id, plans, resend=RESENT_AT_ONCE, attempt=work.attempt)
    work.tell(f"{locked:,} rows were locked and go again by {step.rail.value}, attempt {attempt + 1}.")
    return True


def _rows_again(work: LoadWork, chunks: Sequence[ChunkState]) -> Iterator[pa.RecordBatch]:
    """Locked rows of an attempt: from the ledger, or from the payload where the ledger has no values."""
    attempt = chunks[0].plan.attempt
    parts = rows_to_resend(work.tools.engine, work.run_id, attempt=attempt, classes=RESENT_AT_ONCE)
    if not work.sync.sensitive_fields:
        return _batches(parts, work.sync.field_names)
    hashes = (row.payload_hash for part in parts for row in part)
    return rows_of_payload((work.chunk(state.plan) for state in chunks), hashes)


def _locked_rows(work: LoadWork, attempt: int) -> int:
    rows = rows_to_resend(work.tools.engine, work.run_id, attempt=attempt, classes=RESENT_AT_ONCE)
    if not _may_have_locks(load_totals(work.tools.engine, work.run_id).counts):
        return 0
    return sum(len(part) for part in rows)


def _may_have_locks(counts: OutcomeCounts) -> bool:
    return any(classify(code) is FailureClass.LOCK for code in counts.errors)


def _batches(parts: Iterable[list[RetryRow]], columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        arrays = [pa.array([row.values.get(name) for row in part], pa.string()) for name in columns]
        if len(arrays) == 1:
            arrays = [arrays[0].fill_null("")]
        yield pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _retry_plans(
    files: Sequence[PayloadChunk], step: RetryStep, *, first: int, attempt: int
) -> Iterator[ChunkPlan]:
    if step.rail is Rail.BULK:
        for file in files:
            yield _job_plan(file, first + file.number, attempt, is_grouped=step.one_at_a_time, is_after=True)
        return
    calls = chain.from_iterable(
        _call_plans(file, 0, attempt, rows=step.chunk_rows, collection_rows=step.collection_rows)
        for file in files
    )
    for number, plan in enumerate(calls):
        yield replace(plan, chunk=first + number)


def _call_plans(
    file: PayloadChunk, first: int, attempt: int, *, rows: int, collection_rows: int | None
) -> Iterator[ChunkPlan]:
    for number, start in enumerate(range(0, file.rows, rows)):
        yield _plan(
            file,
            first + number,
            attempt,
            rail=Rail.REST.value,
            rows=min(rows, file.rows - start),
            first_row=start,
            collection_rows=collection_rows,
        )


def _job_plan(
    file: PayloadChunk, number: int, attempt: int, *, is_grouped: bool, is_after: bool = False
) -> ChunkPlan:
    waits = is_after or (is_grouped and file.shares_parent)
    return _plan(file, number, attempt, rail=Rail.BULK.value, rows=file.rows, is_after=waits)


def _plan(
    file: PayloadChunk,
    number: int,
    attempt: int,
    *,
    rail: str,
    rows: int,
    first_row: int = 0,
    collection_rows: int | None = None,
    is_after: bool = False,
) -> ChunkPlan:
    return ChunkPlan(
        chunk=number,
        attempt=attempt,
        rail=rail,
        rows=rows,
        bytes_raw=file.bytes_raw * rows // max(1, file.rows),
        payload_path=str(file.path),
        first_row=first_row,
        collection_rows=collection_rows,
        is_after=is_after,
    )
