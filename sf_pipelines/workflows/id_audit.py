"""The audit that sees what no query and no event tells: rows that were deleted for good.

One Bulk job reads Id and SystemModstamp of every row, the recycle bin included; the database compares.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from sf_pipelines.config.limits import BULK_RESULT_PAGE_ROWS
from sf_pipelines.lake.csv_rows import read_csv_typed
from sf_pipelines.lake.deleted_rows import IDS, IdAudit, audit_ids
from sf_pipelines.model.extract import ReadTrouble
from sf_pipelines.rails.ports import BulkJob, JobState
from sf_pipelines.workflows.errors import ReadError
from sf_pipelines.workflows.soql import api_name
from sf_pipelines.workflows.tools import Tools

EXPECTED_SECONDS = 60.0
"""Before the first poll nothing is known of the job; the schedule asks early and then more rarely."""


def run_id_audit(sobject: str, tools: Tools) -> IdAudit:
    """Compare every Id of an object with `raw.<object>`, and mark the rows that the org has no more.

    Raises:
        ReadError: the org did not tell all Ids, so that nothing is marked.
        SalesforceError, WarehouseError: the org or the warehouse cannot be used.
    """
    queries = tools.client.queries
    asked_at = tools.client.org.org_time()
    created = queries.create(f"SELECT {', '.join(IDS.names)} FROM {api_name(sobject)}", include_deleted=True)
    job = queries.wait(created.id, expected_seconds=EXPECTED_SECONDS)
    if job.state is not JobState.JOB_COMPLETE:
        raise ReadError(
            f"The Ids of {sobject} cannot be compared (query_job_failed): job {job.id} ended "
            f"{job.state.value}: {job.error_message or 'no reason given'}. Run the audit again.",
            ReadTrouble.QUERY_JOB_FAILED,
        )
    return audit_ids(tools.database_url.reveal(), sobject, _ids(job, tools), asked_at=asked_at)


def _ids(job: BulkJob, tools: Tools) -> Iterator[pa.RecordBatch]:
    """All Ids; fewer than the org counted would look like deleted rows."""
    rows = 0
    for page in tools.client.queries.pages(job.id, page_rows=BULK_RESULT_PAGE_ROWS):
        for batch in read_csv_typed(page.stream, IDS):
            rows += batch.num_rows
            yield batch
    if rows != job.records_processed:
        raise ReadError(
            f"Query job {job.id} processed {job.records_processed:,} Ids and {rows:,} arrived "
            "(job_count_disagrees): run the audit again.",
            ReadTrouble.JOB_COUNT_DISAGREES,
        )
