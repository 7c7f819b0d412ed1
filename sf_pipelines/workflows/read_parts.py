"""Reading the parts of an extract one after the other, to the lake and to the warehouse.

A part that is too much for the org is cut smaller, one that Bulk cannot carry goes by REST, a result that the
org has lost is asked for once more. All else stops the run in a named state, from which the next one goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from sf_pipelines.lake.errors import CsvError, MisfitError
from sf_pipelines.lake.parquet import read_parquet
from sf_pipelines.ledger.extract_book import Part
from sf_pipelines.model.extract import ReadTrouble, Span
from sf_pipelines.model.rail import Rail
from sf_pipelines.rails.errors import BulkQueryRefusedError, SalesforceError
from sf_pipelines.workflows.bulk_extract import store_by_bulk
from sf_pipelines.workflows.errors import ReadError
from sf_pipelines.workflows.extract_plan import parts_of, smaller
from sf_pipelines.workflows.extract_work import ExtractWork
from sf_pipelines.workflows.read_troubles import RESULT_IS_LOST, trouble_of
from sf_pipelines.workflows.rest_extract import store_by_rest

SMALLEST_CUT_ROWS = 10_000
"""A part of fewer rows is not cut smaller: where the org fails on it, its size is not the reason."""


def read_parts(work: ExtractWork) -> None:
    """Bring every part into the lake and the warehouse.

    Raises:
        ReadError: a part cannot be read now; the parts before it are done.
        LakeError, LedgerError: the lake, the warehouse or the ledger cannot be used.
    """
    while (
        part := next((part for part in work.book.parts(work.run_id) if part.state != "merged"), None)
    ) is not None:
        if part.state == "planned":
            _store(work, part)
        else:
            _merge(work, part)


def _store(work: ExtractWork, part: Part) -> None:
    store = store_by_bulk if part.rail is Rail.BULK else store_by_rest
    try:
        rows = store(work, part)
    except BulkQueryRefusedError as error:
        _go_by_rest(work, part, error)
    except (SalesforceError, CsvError, MisfitError, ReadError) as error:
        _mend(work, part, error)
    else:
        work.book.part_stored(work.run_id, part.number, rows_reported=rows, attempt=work.attempt)


def _merge(work: ExtractWork, part: Part) -> None:
    pages = work.book.pages(work.run_id, part.number)
    uris = [page.uri for page in pages if page.uri is not None]
    merge = work.merge(
        work.tools.database_url.reveal(),
        sobject=work.describe.name,
        schema=work.schema,
        batches=_rows_of(uris),
    )
    if merge.staged != part.rows_reported:
        _start_over(work, part, ReadTrouble.JOB_COUNT_DISAGREES)
        raise ReadError(
            f"{work.sync.name} stays red (lake_count_disagrees): the lake gave {merge.staged:,} of "
            f"{part.rows_reported:,} rows back. Run it again: the part is read anew.",
            ReadTrouble.JOB_COUNT_DISAGREES,
        )
    work.book.part_merged(
        work.run_id,
        part.number,
        rows_inserted=merge.inserted,
        rows_updated=merge.updated,
        attempt=work.attempt,
    )
    work.tell(f"{merge.staged:,} rows merged, {merge.inserted:,} new and {merge.updated:,} changed.")


def _rows_of(uris: list[str]) -> Iterator[pa.RecordBatch]:
    for uri in uris:
        yield from read_parquet(uri)


def _go_by_rest(work: ExtractWork, part: Part, error: BulkQueryRefusedError) -> None:
    """Read by REST what Bulk does not carry, unless a person wants Bulk."""
    if work.decision.forced:
        raise _stands_still(work, part, error, ReadTrouble.ORG_REFUSED) from error
    work.tell(f"Bulk does not carry this ({error}), so it is read by REST.")
    _give_up_job(work, part, str(error))
    spans = (
        parts_of([part.span], work.counter, work.tools.part_rows(Rail.REST))
        if not part.span.ids
        else [part.span]
    )
    work.book.split(work.run_id, part.number, Rail.REST, spans)


def _mend(work: ExtractWork, part: Part, error: Exception) -> None:
    """Do what can be done about a trouble within this run, or stop in its state."""
    trouble = trouble_of(error)
    if trouble is ReadTrouble.QUERY_JOB_FAILED:
        _give_up_job(work, part, str(error))
        spans = _cut_smaller(work, part)
        if spans:
            work.tell(f"{error} It is read in {len(spans)} smaller parts.")
            work.book.split(work.run_id, part.number, part.rail, spans)
            return
    if trouble in RESULT_IS_LOST:
        _start_over(work, part, trouble)
        if part.trouble is None:
            work.tell(f"{error} Its result is asked for once more.")
            return
    raise _stands_still(work, part, error, trouble) from error


def _cut_smaller(work: ExtractWork, part: Part) -> list[Span]:
    return smaller(part.span, work.counter) if part.span.rows > SMALLEST_CUT_ROWS else []


def _start_over(work: ExtractWork, part: Part, trouble: ReadTrouble) -> None:
    """Forget the result of a part, its files and its job: a new one is asked for."""
    for page in work.book.pages(work.run_id, part.number):
        work.remove(part, page)
    work.book.forget_pages(work.run_id, part.number, trouble)
    _give_up_job(work, part, trouble.value)


def _give_up_job(work: ExtractWork, part: Part, reason: str) -> None:
    left = work.book.query_job(work.run_id, part.number)
    if left is not None:
        work.tools.ledger.record_aborted(left.journal_id, reason)


def _stands_still(work: ExtractWork, part: Part, error: Exception, trouble: ReadTrouble) -> ReadError:
    work.book.note_trouble(work.run_id, part.number, trouble)
    window = part.span.window
    return ReadError(
        f"{work.sync.name} from {window.start:%Y-%m-%d %H:%M}Z to {window.end:%Y-%m-%d %H:%M}Z stays red "
        f"({trouble.value}): {error} Run it again: it goes on where it stands.",
        trouble,
        read_until=window.start,
    )
