"""Runs one query job: reads the org's rows and spools them as CSV.

Belongs here: the run of a job from InProgress to its end. Not here: threads (workers.py), serving
(query_routes.py). Imports org, limits, values, and the spool.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.bulk.job_store import JobStore
from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.bulk.row_spool import RowSpoolWriter
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.limits import DAILY_QUERY_STORAGE, LimitBook
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.results import Column, QueryResult
from sf_pipelines.emulator.values import csv_converter

ROWS, INDEX, HEADER = "rows.csv", "rows.idx", "header.csv"
_CHUNK_ROWS = 5_000
_STORAGE_SPENT = "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded"


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryRun:
    """One run of one job, from its first row."""

    org: Org
    store: JobStore
    limits: LimitBook
    job: Job
    must_stop: Callable[[], bool]
    """Asked between chunks; True ends the run and leaves the job as it is."""

    def run(self) -> None:
        """Spool all rows and set the job's last state, unless told to stop.

        Raises:
            JobGoneError: the job was deleted meanwhile.
        """
        try:
            result = self.org.query(
                self.job.soql or "", include_deleted=self.job.operation == "queryAll", bulk=True
            )
            self._spool(result)
        except SalesforceError as error:
            self.store.change(self.job.id, state="Failed", error_message=f"{error.code}: {error.message}")

    def _spool(self, result: QueryResult) -> None:
        job, store = self.job, self.store
        store.path(job.id, HEADER).write_text(self._header(result.columns), encoding="utf-8", newline="")
        data, index = store.path(job.id, ROWS), store.path(job.id, INDEX)
        with RowSpoolWriter(data, index, delimiter=job.delimiter, newline=job.newline) as spool:
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
            spool.write(_converted(result.read_page(offset, _CHUNK_ROWS), converters))
            if not self.limits.try_spend(DAILY_QUERY_STORAGE, spool.bytes_written - before):
                raise SalesforceError("LIMIT_EXCEEDED", _STORAGE_SPENT)
        return True

    def _header(self, columns: Sequence[Column]) -> str:
        text = io.StringIO()
        csv.writer(
            text, delimiter=self.job.delimiter, lineterminator=self.job.newline, quoting=csv.QUOTE_ALL
        ).writerow([column.label for column in columns])
        return text.getvalue()


def _converted(
    rows: Sequence[tuple[Any, ...]], converters: Sequence[Callable[[Any], str] | None]
) -> Sequence[tuple[Any, ...]]:
    """Rows with CSV texts, column by column, because most columns are text already."""
    columns = list(zip(*rows, strict=True)) or [()] * len(converters)
    texts = [
        column if convert is None else [None if value is None else convert(value) for value in column]
        for column, convert in zip(columns, converters, strict=True)
    ]
    return list(zip(*texts, strict=True))
