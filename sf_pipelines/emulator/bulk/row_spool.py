"""The result rows of a query job: a CSV file without header, and the byte offset of every row beside it.

Belongs here: writing fast and finding any page at once. Not here: the query (query_run.py), locators
(query_routes.py). Imports quoted_csv, and messages for the slice of a file.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from sf_pipelines.emulator.bulk.quoted_csv import QuotedCsv
from sf_pipelines.emulator.http.messages import FileSlice

_OFFSET_BYTES = 8


class RowSpoolWriter:
    """Appends rows. Use as a context manager."""

    def __init__(self, data: Path, index: Path, form: QuotedCsv) -> None:
        """Start both files anew; the index begins with the offset of row 0."""
        self._data = data.open("wb")
        self._index = index.open("wb")
        self._index.write(array("Q", [0]).tobytes())
        self._csv = form
        self.bytes_written = 0
        self.rows_written = 0

    def __enter__(self) -> RowSpoolWriter:
        """Ready to write."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close both files."""
        self._data.close()
        self._index.close()

    def write(self, columns: Sequence[Sequence[str]]) -> None:
        """Append the rows of those columns."""
        lines, extra = self._csv.lines(columns), self._csv.extra_chars
        text = self._csv.text(lines)
        data = text.encode()
        sizes = map(len, lines if text.isascii() else [line.encode() for line in lines])
        ends = array("Q", accumulate((size + extra for size in sizes), initial=self.bytes_written))
        self._data.write(data)
        self._index.write(ends[1:].tobytes())
        self.bytes_written = ends[-1]
        self.rows_written += len(lines)


def rows_slice(data: Path, index: Path, first: int, count: int) -> FileSlice:
    """The bytes of `count` rows from row `first` on; both must be there."""
    with index.open("rb") as file:
        start, end = (_offset_of(file, row) for row in (first, first + count))
    return FileSlice(path=data, start=start, end=end)


def _offset_of(file: Any, row: int) -> int:
    file.seek(row * _OFFSET_BYTES)
    return array("Q", file.read(_OFFSET_BYTES))[0]
