"""Rows of a job whose results the org no longer has: deleted by somebody, or older than seven days."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sf_pipelines.ledger.load_verbs import ChunkPlan
from sf_pipelines.model.outcome import FailedRecord, OutcomeCounts, OutcomeState, RecordError
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.policy.accounting import Disagreement, DisagreementKind
from sf_pipelines.policy.failure_classes import RESULTS_GONE
from sf_pipelines.rails.errors import BulkJobNotFoundError
from sf_pipelines.workflows.failures import failed_record
from sf_pipelines.workflows.reconcile import find_written
from sf_pipelines.workflows.rows import row_values
from sf_pipelines.workflows.work import LoadWork


def store_gone(
    work: LoadWork, plan: ChunkPlan, journal_id: UUID, job_id: str, error: BulkJobNotFoundError
) -> None:
    """Keep the rows of a chunk as unknown, but for inserts that the org is found to hold.

    Repeatable writes are not looked up: that a record is there says nothing of what it was to become.
    """
    written = _written(work, plan)
    unknown = plan.rows - sum(written)
    counts = OutcomeCounts(
        submitted=plan.rows,
        succeeded=plan.rows - unknown,
        created=plan.rows - unknown,
        unprocessed=unknown,
        errors={RESULTS_GONE: unknown} if unknown else {},
    )
    text = (
        f"The results of job {job_id} are gone: the end of {unknown:,} of its {plan.rows:,} rows is unknown."
    )
    disagreements = [Disagreement(kind=DisagreementKind.ROWS, text=text).stored()] if unknown else []
    work.tools.ledger.record_results_gone(journal_id, str(error))
    work.tools.ledger.store_outcomes(
        work.run_id,
        chunk=plan.chunk,
        rail=Rail.BULK,
        counts=counts,
        failed=_records(work, plan, written, RecordError(code=RESULTS_GONE, message=text), job_id),
        journal_id=journal_id,
        disagreements=disagreements,
    )


def _written(work: LoadWork, plan: ChunkPlan) -> list[bool]:
    chunk = work.chunk(plan)
    if work.sync.operation is not Operation.INSERT or not chunk.path.exists():
        return [False] * plan.rows
    rows = chunk.whole()
    return find_written(work, rows)


def _records(
    work: LoadWork, plan: ChunkPlan, written: list[bool], error: RecordError, job_id: str
) -> Iterator[FailedRecord]:
    chunk = work.chunk(plan)
    if not chunk.path.exists():
        return
    position = 0
    for batch in chunk.batches():
        for index in range(batch.num_rows):
            if not written[position + index]:
                yield failed_record(
                    work, plan, row_values(batch, index), error, state=OutcomeState.UNPROCESSED, job_id=job_id
                )
        position += batch.num_rows
