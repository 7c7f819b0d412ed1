"""Runs one query job: reads the org's rows and spools them as CSV.

Belongs here: the run of a job from InProgress to its end. Not here: threads (workers.py), serving
(query_routes.py). Imports org, limits, values, and the spool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.bulk.job_store import JobStore
from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.bulk.quoted_csv import QuotedCsv
from sf_pipelines.emulator.bulk.row_spool import RowSpoolWriter
from sf_pipelines.emulator.bulk.settings import BATCH_LIMIT_MS, QUERY_RETRIES, BulkSettings
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.limits import DAILY_QUERY_STORAGE, LimitBook
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.results import QueryResult
from sf_pipelines.emulator.values import csv_converter

ROWS, INDEX, HEADER = "rows.csv", "rows.idx", "header.csv"
OUT_OF_TIME = f"Timeout : Retried more than {QUERY_RETRIES} times"
_CHUNK_ROWS = 5_000
# A column whose values repeat at least this often is converted value by value once.
_MEMO_SHARE = 4
_STORAGE_SPENT = "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded"


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryRun:
    """One run of one job, from its first row."""

    org: Org
    store: JobStore
    limits: LimitBook
    settings: BulkSettings
    pool: Executor
    job: Job
    must_stop: Callable[[], bool]
    """Asked between chunks; True ends the run and leaves the job as it is."""

    def run(self) -> None:
        """Spool all rows and set the job's last state, unless told to stop.

        Raises:
            JobGoneError: the job was deleted meanwhile.
        """
        if self.settings.query_ms > BATCH_LIMIT_MS:
            self._run_out_of_time()
            return
        try:
            result = self.org.query(
                self.job.soql or "", include_deleted=self.job.operation == "queryAll", bulk=True
            )
            self._spool(result)
        except SalesforceError as error:
            self.store.change(self.job.id, state="Failed", error_message=f"{error.code}: {error.message}")

    def _run_out_of_time(self) -> None:
        spent_ms = (QUERY_RETRIES + 1) * BATCH_LIMIT_MS
        self.store.change(
            self.job.id,
            state="Failed",
            error_message=OUT_OF_TIME,
            retries=QUERY_RETRIES,
            active_ms=spent_ms,
        )

    def _spool(self, result: QueryResult) -> None:
        job, store = self.job, self.store
        form = QuotedCsv(job.delimiter, job.newline)
        header = form.row([column.label for column in result.columns])
        store.path(job.id, HEADER).write_bytes(header.encode())
        with RowSpoolWriter(store.path(job.id, ROWS), store.path(job.id, INDEX), form) as spool:
            is_whole = self._copy(result, spool)
        if is_whole:
            store.change(job.id, state="JobComplete", records_processed=spool.rows_written)

    def _copy(self, result: QueryResult, spool: RowSpoolWriter) -> bool:
        """True when all rows were copied; rows removed for good meanwhile are left out by the org."""
        converters = [csv_converter(column.field) for column in result.columns]
        for offset in range(0, result.total_size, _CHUNK_ROWS):
            if self.must_stop():
                return False
            before = spool.bytes_written
            rows = result.read_page(offset, _CHUNK_ROWS)
            if rows:
                spool.write(_texts(rows, converters))
            if not self.limits.try_spend(DAILY_QUERY_STORAGE, spool.bytes_written - before):
                raise SalesforceError("LIMIT_EXCEEDED", _STORAGE_SPENT)
        return True


def _texts(
    rows: Sequence[tuple[Any, ...]], converters: Sequence[Callable[[Any], str] | None]
) -> list[Sequence[str]]:
    """The columns of `rows` as CSV texts; null is empty."""
    return [
        _column_texts(column, convert)
        for column, convert in zip(zip(*rows, strict=True), converters, strict=True)
    ]


def _column_texts(column: Sequence[Any], convert: Callable[[Any], str] | None) -> Sequence[str]:
    if convert is None:
        return ["" if value is None else value for value in column] if None in column else column
    distinct = set(column)
    if len(distinct) <= len(column) // _MEMO_SHARE:
        texts = {value: "" if value is None else convert(value) for value in distinct}
        return [texts[value] for value in column]
    return ["" if value is None else convert(value) for value in column]
