"""The Bulk side of an extract: one query job, its pages streamed from the socket into typed batches."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pyarrow as pa

from sf_pipelines.config.limits import BULK_RESULT_PAGE_ROWS
from sf_pipelines.lake.csv_rows import read_csv_typed
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.rails.ports import BulkJob, JobState
from sf_pipelines.workflows.errors import WorkflowError
from sf_pipelines.workflows.journal import record_counted
from sf_pipelines.workflows.read_log import ReadLog
from sf_pipelines.workflows.tools import Tools


def read_by_bulk(
    soql: str, schema: pa.Schema, decision: Decision, tools: Tools, run_id: UUID, log: ReadLog
) -> Iterator[pa.RecordBatch]:
    """Rows of a query job, in bounded batches.

    Raises:
        WorkflowError: the job did not complete, or a page holds another number of rows than it says.
    """
    job = _finished_job(soql, decision, tools, run_id)
    log.job_ids.append(job.id)
    log.reported = job.records_processed
    for page in tools.client.queries.pages(job.id, page_rows=BULK_RESULT_PAGE_ROWS):
        received = 0
        for batch in read_csv_typed(page.stream, schema):
            received += batch.num_rows
            yield batch
        if received != page.rows_reported:
            raise WorkflowError(
                f"Page {page.number} of query job {job.id} holds {received:,} rows and should hold "
                f"{page.rows_reported:,}: run the window again."
            )


def _finished_job(soql: str, decision: Decision, tools: Tools, run_id: UUID) -> BulkJob:
    ledger, queries, slice_ = tools.ledger, tools.client.queries, decision.slice
    journal_id = ledger.record_intent(
        run_id,
        sobject=slice_.sobject,
        operation=Operation.QUERY,
        chunk=0,
        rows=slice_.rows,
        bytes_raw=slice_.bytes_raw,
        payload_path=None,
    )
    created = queries.create(soql)
    ledger.record_created(journal_id, created.id)
    job = queries.wait(created.id, expected_seconds=decision.costs[Rail.BULK].seconds)
    record_counted(ledger, journal_id, job)
    if job.state is not JobState.JOB_COMPLETE:
        raise WorkflowError(
            f"Query job {job.id} ended {job.state.value}: {job.error_message or 'no reason given'}. "
            "Run the window again."
        )
    return job
