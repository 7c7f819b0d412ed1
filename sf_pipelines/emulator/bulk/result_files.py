"""Writes the successful and failed rows of an ingest job while its batches run.

Belongs here: section 5.2's CSV. Not here: unprocessed rows, which are the rest of the upload
(ingest_routes.py). Imports jobs, job_store, row_sets, errors, results, values.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import compress
from typing import BinaryIO

from sf_pipelines.emulator.bulk.header import BoundColumn
from sf_pipelines.emulator.bulk.job_store import JobStore
from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.bulk.quoted_csv import QuotedCsv
from sf_pipelines.emulator.bulk.row_sets import columns_of
from sf_pipelines.emulator.csv_values import HUGE, NUMBER, plain_numbers
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import RowResults
from sf_pipelines.emulator.values import java_double, java_doubles

SUCCESSFUL, FAILED = "successful.csv", "failed.csv"
# [R] section 5.2: a currency comes back as Java writes a double. Which other types do is unknown ([I]).
RESERIALISED_TYPES: Collection[str] = frozenset({"currency"})
_LEADING_COLUMNS = {SUCCESSFUL: ("sf__Id", "sf__Created"), FAILED: ("sf__Id", "sf__Error")}


class ResultFiles:
    """The two growing files of a running job. Use as a context manager."""

    def __init__(self, store: JobStore, job: Job, raw_header: bytes, columns: Sequence[BoundColumn]) -> None:
        """Open both, cut back to what the job knows of them: a batch not accounted for is forgotten."""
        self._job = job
        self._csv = QuotedCsv(job.delimiter, job.newline)
        self._raw_header = raw_header
        self._reserialised = [
            at for at, column in enumerate(columns) if column.field.type in RESERIALISED_TYPES
        ]
        self._files = {name: self._open(store, name) for name in (SUCCESSFUL, FAILED)}

    def __enter__(self) -> ResultFiles:
        """Ready to write."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close both."""
        for file in self._files.values():
            file.close()

    def write(self, rows: Sequence[Sequence[str]], results: RowResults) -> int:
        """Sort rows into the two files; the number of failed ones."""
        if results.are_successes:
            self._write_successes(rows, results.ids, results.created)
            return 0
        succeeded = [error is None for error in results.errors]
        ids, created = compress(results.ids, succeeded), compress(results.created, succeeded)
        self._write_successes(list(compress(rows, succeeded)), list(ids), list(created))
        refused = [
            (row, id_, error)
            for row, id_, error in zip(rows, results.ids, results.errors, strict=True)
            if error is not None
        ]
        text = "".join(
            self._csv.row([id_ or "", error_text(error), *self._resent(row)]) for row, id_, error in refused
        )
        self._files[FAILED].write(text.encode())
        return len(refused)

    def lengths(self) -> dict[str, int]:
        """Bytes in each file, flushed."""
        for file in self._files.values():
            file.flush()
        return {name: file.tell() for name, file in self._files.items()}

    def _write_successes(
        self, rows: Sequence[Sequence[str]], ids: Sequence[str | None], created: Sequence[bool]
    ) -> None:
        cells = list(columns_of(rows))
        for at in self._reserialised:
            if rows:
                cells[at] = _reserialised_column(cells[at])
        made = ["true" if is_new else "false" for is_new in created]
        text = self._csv.text(self._csv.lines([[id_ or "" for id_ in ids], made, *cells]))
        self._files[SUCCESSFUL].write(text.encode())

    def _resent(self, row: Sequence[str]) -> list[str]:
        return [_reserialised(cell) if at in self._reserialised else cell for at, cell in enumerate(row)]

    def _open(self, store: JobStore, name: str) -> BinaryIO:
        path = store.path(self._job.id, name)
        known = self._job.result_bytes.get(name)
        if known is None:
            path.write_bytes(self._header(name))
            known = path.stat().st_size
        file = path.open("r+b")
        file.truncate(known)
        file.seek(known)
        return file

    def _header(self, name: str) -> bytes:
        leading = self._job.delimiter.join(f'"{column}"' for column in _LEADING_COLUMNS[name])
        return b"".join(
            (leading.encode(), self._job.delimiter.encode(), self._raw_header, self._job.newline.encode())
        )


def error_text(error: SalesforceError) -> str:
    """`CODE:message:Fields --` ([R] AMP); `:--` when it names no field."""
    fields = ",".join(error.fields or ())
    return f"{error.code}:{error.message}:{fields} --" if fields else f"{error.code}:{error.message}:--"


def _reserialised_column(cells: Sequence[str]) -> list[str]:
    numbers = plain_numbers(cells)
    return list(map(_reserialised, cells)) if numbers is None else java_doubles(numbers)


def _reserialised(cell: str) -> str:
    """A number as Java writes it; anything else as it was sent."""
    return java_double(float(cell)) if NUMBER.fullmatch(cell) and abs(float(cell)) < HUGE else cell
