"""An extract: rows of one sObject that changed in a window, to Parquet and to `raw.<object>`, all counted.

The org's report, the rows received and the rows written must agree; only then is the window complete.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pyarrow as pa

from sf_pipelines.lake.checksum import added
from sf_pipelines.lake.warehouse import MergeResult, merge_into_raw, warehouse_count
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.extract_book import ExtractBook, Page, Part
from sf_pipelines.ledger.load_queries import attempts_of_run
from sf_pipelines.ledger.locks import sync_lock
from sf_pipelines.ledger.queries import jobs_of_run
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.outcome import OutcomeCounts, Verdict
from sf_pipelines.model.slice import Window
from sf_pipelines.policy.completeness import extract_verdict
from sf_pipelines.workflows.errors import is_of_rail
from sf_pipelines.workflows.extract_open import ExtractRequest as ExtractRequest
from sf_pipelines.workflows.extract_open import close, left_over, plan, shape_of, start, take_up
from sf_pipelines.workflows.extract_work import ExtractWork
from sf_pipelines.workflows.read_parts import read_parts
from sf_pipelines.workflows.tools import Tools


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractReport:
    """How an extract ended.

    Attributes:
        window: what was read; it ends early when the asked-for window is not over yet.
        window_is_over: whether the asked-for window was read to its end.
        uri: folder of the Parquet files, in the lake; files: each of them.
        rows_by_day: UTC day of SystemModstamp, as `2026-01-31`, to rows.
        checksum: over Id and SystemModstamp of all rows, see lake/checksum.py.
        org_rows, warehouse_rows: rows of the window on either side, counted after all was written.
        attempts: processes that worked on it; more than one where a run was taken up.
    """

    run_id: UUID
    decision: Decision
    window: Window
    window_is_over: bool
    counts: OutcomeCounts
    verdict: Verdict
    merge: MergeResult
    uri: str
    files: tuple[str, ...]
    rows_by_day: Mapping[str, int]
    checksum: int
    org_rows: int
    warehouse_rows: int
    job_urls: dict[str, str]
    api_calls: int
    seconds: float
    schema: pa.Schema
    attempts: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Process:
    """What this process has cost so far."""

    tools: Tools
    started_at: datetime
    calls_before: int

    @property
    def api_calls(self) -> int:
        return self.tools.client.org.calls_made - self.calls_before


def run_extract(request: ExtractRequest, tools: Tools) -> ExtractReport:
    """Run an extract to its verdict; go on with what a dead process has left of its window.

    Raises:
        SyncBusyError: another process works on the sync.
        SyncError, NotRunError: as for loads.
        WorkflowError: the window has not begun.
        ReadError: rows could not be read; it names the state in which the window stays red.
        SalesforceError, LakeError, LedgerError: a part failed. Where the parts are known, the run is
            interrupted and the next process goes on with it; else it is recorded as ended by an error.
    """
    process = _Process(tools=tools, started_at=tools.clock(), calls_before=tools.client.org.calls_made)
    book = ExtractBook(tools.engine, clock=tools.clock)
    with sync_lock(tools.engine, request.sync.name):
        left = left_over(request, book, tools)
        if left is not None:
            shape = shape_of(request.sync, tools)
            if shape.declaration == left.declaration:
                return _read(take_up(request, shape, book, tools, left), request, process)
            close(
                left, tools, "The object or the sync has other fields by now: it is read from its beginning."
            )
        run_id = start(request, tools)
        try:
            work = plan(request, shape_of(request.sync, tools), book, tools, run_id)
        except BaseException as error:
            tools.ledger.fail_run(
                run_id, error=str(error) or type(error).__name__, rail_failed=is_of_rail(error)
            )
            raise
        return _read(work, request, process)


def _read(work: ExtractWork, request: ExtractRequest, process: _Process) -> ExtractReport:
    with _under_way(work, process):
        read_parts(work)
        return _finish(work, request, process)


@contextmanager
def _under_way(work: ExtractWork, process: _Process) -> Generator[None]:
    """What ends this process leaves the run for the next one."""
    try:
        yield
    except BaseException as error:
        # the error at hand is the one to tell; a run that cannot even be marked is found running, by nobody
        with suppress(LedgerError):
            work.tools.ledger.interrupt_run(
                work.run_id,
                error=str(error) or type(error).__name__,
                api_calls=process.api_calls,
                rail_failed=is_of_rail(error),
                attempt=work.attempt,
            )
        raise


def _finish(work: ExtractWork, request: ExtractRequest, process: _Process) -> ExtractReport:
    """The verdict, from what the ledger holds of every attempt."""
    tools, run_id = work.tools, work.run_id
    parts = work.book.parts(run_id)
    if not parts:
        # an object without rows has its table all the same, for those who read it
        merge_into_raw(
            tools.database_url.reveal(), sobject=work.describe.name, schema=work.schema, batches=[]
        )
    pages = [page for part in parts for page in work.book.pages(run_id, part.number)]
    merge = _merged(parts)
    reported = sum(part.rows_reported or 0 for part in parts)
    verdict = extract_verdict(
        reported=reported, received=sum(page.rows or 0 for page in pages), written=merge.staged
    )
    read = _window_read(work, request)
    org_rows = work.counter.count(read)
    counts = OutcomeCounts(submitted=reported, succeeded=merge.staged)
    tools.ledger.finish_run(
        run_id, verdict=verdict, counts=counts, api_calls=process.api_calls, attempt=work.attempt
    )
    return ExtractReport(
        run_id=run_id,
        decision=work.decision,
        window=read,
        window_is_over=read.end == request.window.end,
        counts=counts,
        verdict=verdict,
        merge=merge,
        uri=work.uri,
        files=tuple(page.uri for page in pages if page.uri is not None),
        rows_by_day=_by_day(pages),
        checksum=added(*(page.checksum for page in pages)),
        org_rows=org_rows,
        warehouse_rows=warehouse_count(tools.database_url.reveal(), work.describe.name, read),
        job_urls=_job_urls(work),
        api_calls=process.api_calls,
        seconds=(tools.clock() - process.started_at).total_seconds(),
        schema=work.schema,
        attempts=len(attempts_of_run(tools.engine, run_id)),
    )


def _window_read(work: ExtractWork, request: ExtractRequest) -> Window:
    """What the run has read of the window asked for."""
    read_until = work.book.read_until(work.run_id)
    return Window(start=request.window.start, end=min(request.window.end, read_until))


def _merged(parts: Sequence[Part]) -> MergeResult:
    staged = sum(part.rows_reported or 0 for part in parts)
    inserted, updated = sum(part.rows_inserted for part in parts), sum(part.rows_updated for part in parts)
    return MergeResult(
        staged=staged, inserted=inserted, updated=updated, unchanged=staged - inserted - updated
    )


def _by_day(pages: Sequence[Page]) -> dict[str, int]:
    days: Counter[str] = Counter()
    for page in pages:
        days.update(page.rows_by_day or {})
    return dict(sorted(days.items()))


def _job_urls(work: ExtractWork) -> dict[str, str]:
    jobs = jobs_of_run(work.tools.engine, work.run_id)
    ids = [job.job_id for job in jobs if job.job_id and job.step != "aborted"]
    return {job_id: work.tools.client.org.job_url(job_id) for job_id in ids}
