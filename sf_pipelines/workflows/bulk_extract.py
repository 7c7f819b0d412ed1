"""The Bulk side of an extract: a query job for each part, its pages read side by side, each to its own file.

Every step is in the ledger before the next: a process that takes a part up waits for the same job, and asks
only for the pages that are not in the lake.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from sf_pipelines.lake.csv_rows import read_csv_typed
from sf_pipelines.lake.tally import Tally
from sf_pipelines.ledger.extract_book import Page, Part
from sf_pipelines.model.extract import ReadTrouble
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.rails.errors import BrokenTransferError
from sf_pipelines.rails.ports import BulkJob, JobState
from sf_pipelines.workflows.errors import ReadError
from sf_pipelines.workflows.extract_work import ExtractWork
from sf_pipelines.workflows.journal import record_counted

PAGES_AT_ONCE = 2
"""Pages under way side by side: one is parsed while the other arrives. Each holds a few megabytes."""

PAGE_ATTEMPTS = 3
"""How often a page is asked for that was cut, or that holds other rows than it says."""


def store_by_bulk(work: ExtractWork, part: Part) -> int:
    """Bring all pages of a part into the lake; gives the rows that the org reported.

    Raises:
        ReadError: the job did not complete, or counts disagree; the error names the state.
        SalesforceError: the org refuses, or cannot be reached.
    """
    job = _finished_job(work, part)
    pages = work.book.pages(work.run_id, part.number)
    if not pages:
        work.book.list_pages(work.run_id, part.number, work.tools.client.queries.page_locators(job.id))
        pages = work.book.pages(work.run_id, part.number)
    rows = sum(page.rows or 0 for page in _stored(work, part, job, pages))
    if rows != job.records_processed:
        raise ReadError(
            f"Query job {job.id} processed {job.records_processed:,} rows and its pages hold {rows:,}.",
            ReadTrouble.JOB_COUNT_DISAGREES,
        )
    return rows


def _stored(work: ExtractWork, part: Part, job: BulkJob, pages: Sequence[Page]) -> list[Page]:
    """All pages with their files; those that are there already are left alone."""
    there = [page for page in pages if page.uri is not None]
    missing = [page for page in pages if page.uri is None]
    if there:
        work.tell(f"{len(there)} of {len(pages)} pages of job {job.id} are in the lake, going on from there.")
    pool = ThreadPoolExecutor(PAGES_AT_ONCE, thread_name_prefix="result-page")
    try:
        running = [pool.submit(_store_page, work, part, job, page) for page in missing]
        return there + [future.result() for future in running]
    finally:
        pool.shutdown(cancel_futures=True)


def _store_page(work: ExtractWork, part: Part, job: BulkJob, page: Page) -> Page:
    for attempt in range(1, PAGE_ATTEMPTS + 1):
        try:
            stored = _read_page(work, part, job, page)
        except (BrokenTransferError, ReadError) as error:
            if attempt == PAGE_ATTEMPTS:
                raise
            work.tell(f"page {page.number} is read again: {error}")
        else:
            work.tell(f"page {page.number} of job {job.id}: {stored.rows:,} rows are in the lake.")
            return stored
    raise AssertionError("a page is read or raises")


def _read_page(work: ExtractWork, part: Part, job: BulkJob, page: Page) -> Page:
    tally = Tally()
    queries = work.tools.client.queries
    with (
        queries.page(job.id, locator=page.locator, number=page.number) as answer,
        work.sink(part, page) as sink,
    ):
        for batch in read_csv_typed(answer.stream, work.schema):
            tally.add(batch)
            sink.write(batch)
        if tally.rows != answer.rows_reported:
            raise ReadError(
                f"Page {page.number} of query job {job.id} holds {tally.rows:,} rows and should hold "
                f"{answer.rows_reported:,}.",
                ReadTrouble.PAGE_COUNT_DISAGREES,
            )
    return work.store(part, page, sink, tally)


def _finished_job(work: ExtractWork, part: Part) -> BulkJob:
    """The job of a part in its last state: the one that a dead process has left, or a new one."""
    queries, ledger = work.tools.client.queries, work.tools.ledger
    left = work.book.query_job(work.run_id, part.number)
    if left is not None and left.job_id is None:
        # whether the org has made it is not known; a query job that nobody reads harms nothing
        ledger.record_aborted(left.journal_id, "its process ended before the org named the job")
        left = None
    if left is None or left.job_id is None:
        journal_id, job_id = _new_job(work, part)
    else:
        journal_id, job_id = left.journal_id, left.job_id
    if left is not None and left.step == "counted":
        job = queries.info(job_id)
    else:
        job = queries.wait(job_id, expected_seconds=_expected_seconds(work, part))
        record_counted(ledger, journal_id, job)
    if job.state is not JobState.JOB_COMPLETE:
        raise ReadError(
            f"Query job {job.id} ended {job.state.value} after {job.retries} retries: "
            f"{job.error_message or 'no reason given'}.",
            ReadTrouble.QUERY_JOB_FAILED,
        )
    return job


def _new_job(work: ExtractWork, part: Part) -> tuple[UUID, str]:
    ledger = work.tools.ledger
    journal_id = ledger.record_intent(
        work.run_id,
        sobject=work.describe.name,
        operation=Operation.QUERY_ALL if work.include_deleted else Operation.QUERY,
        chunk=part.number,
        rows=part.span.rows,
        bytes_raw=_share(work, part, work.decision.slice.bytes_raw),
        payload_path=None,
        attempt=work.attempt,
    )
    created = work.tools.client.queries.create(work.soql(part), include_deleted=work.include_deleted)
    ledger.record_created(journal_id, created.id)
    return journal_id, created.id


def _expected_seconds(work: ExtractWork, part: Part) -> float:
    whole = work.decision.costs[Rail.BULK].seconds
    return whole * part.span.rows / max(1, work.decision.slice.rows)


def _share(work: ExtractWork, part: Part, whole: int) -> int:
    return whole * part.span.rows // max(1, work.decision.slice.rows)
