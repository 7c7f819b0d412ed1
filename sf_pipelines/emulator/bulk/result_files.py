"""Writes the successful and failed rows of an ingest job while its batches run.

Belongs here: section 5.2's CSV. Not here: unprocessed rows, which are the rest of the upload
(ingest_routes.py). Imports jobs, job_store, errors, results.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from sf_pipelines.emulator.bulk.job_store import JobStore
from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import RowResult

SUCCESSFUL, FAILED = "successful.csv", "failed.csv"
_LEADING_COLUMNS = {SUCCESSFUL: ("sf__Id", "sf__Created"), FAILED: ("sf__Id", "sf__Error")}


class ResultFiles:
    """The two growing files of a running job. Use as a context manager."""

    def __init__(self, store: JobStore, job: Job, raw_header: bytes) -> None:
        """Open both, cut back to what the job knows of them: a batch not accounted for is forgotten."""
        self._job = job
        self._raw_header = raw_header
        self._files = {name: self._open(store, name) for name in (SUCCESSFUL, FAILED)}

    def __enter__(self) -> ResultFiles:
        """Ready to write."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close both."""
        for file in self._files.values():
            file.close()

    def write(self, rows: Sequence[Sequence[str]], results: Sequence[RowResult]) -> int:
        """Sort rows into the two files; the number of failed ones."""
        taken = [
            (result.id or "", "true" if result.created else "false", *row)
            for row, result in zip(rows, results, strict=True)
            if result.success
        ]
        refused = [
            (result.id or "", error_text(result.errors), *row)
            for row, result in zip(rows, results, strict=True)
            if not result.success
        ]
        self._append(SUCCESSFUL, taken)
        self._append(FAILED, refused)
        return len(refused)

    def lengths(self) -> dict[str, int]:
        """Bytes in each file, flushed."""
        for file in self._files.values():
            file.flush()
        return {name: file.tell() for name, file in self._files.items()}

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

    def _append(self, name: str, rows: Iterable[Sequence[str]]) -> None:
        text = io.StringIO()
        csv.writer(
            text, delimiter=self._job.delimiter, lineterminator=self._job.newline, quoting=csv.QUOTE_ALL
        ).writerows(rows)
        self._files[name].write(text.getvalue().encode())


def error_text(errors: Sequence[SalesforceError]) -> str:
    """`CODE:message:Fields --` of the first error ([R] AMP); `:--` when it names no field."""
    first = errors[0]
    fields = ",".join(first.fields or ())
    return f"{first.code}:{first.message}:{fields} --" if fields else f"{first.code}:{first.message}:--"
