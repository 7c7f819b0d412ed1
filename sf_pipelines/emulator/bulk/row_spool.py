"""The result rows of a query job: a CSV file without header, and the byte offset of every row beside it.

Belongs here: writing fast and finding any page at once. Not here: the query (query_run.py), locators
(query_routes.py). Imports messages for the slice of a file.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from sf_pipelines.emulator.http.messages import FileSlice

_OFFSET_BYTES = 8


class RowSpoolWriter:
    """Appends rows. Use as a context manager."""

    def __init__(self, data: Path, index: Path, *, delimiter: str, newline: str) -> None:
        """Start both files anew; the index begins with the offset of row 0."""
        self._data = data.open("wb")
        self._index = index.open("wb")
        self._index.write(array("Q", [0]).tobytes())
        self._texts: list[str] = []
        self._writer = csv.writer(
            _LineSink(self._texts), delimiter=delimiter, lineterminator=newline, quoting=csv.QUOTE_ALL
        )
        self.bytes_written = 0
        self.rows_written = 0

    def __enter__(self) -> RowSpoolWriter:
        """Ready to write."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close both files."""
        self._data.close()
        self._index.close()

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Append rows; None is written as an empty quoted value."""
        self._texts.clear()
        self._writer.writerows(rows)
        lines = [text.encode() for text in self._texts]
        if not lines:
            return
        ends = array("Q", accumulate(map(len, lines), initial=self.bytes_written))
        self._data.write(b"".join(lines))
        self._index.write(ends[1:].tobytes())
        self.bytes_written = ends[-1]
        self.rows_written += len(lines)


class _LineSink:
    """A file to csv.writer, which hands over one whole record a call."""

    def __init__(self, texts: list[str]) -> None:
        self.write = texts.append


def rows_slice(data: Path, index: Path, first: int, count: int) -> FileSlice:
    """The bytes of `count` rows from row `first` on; both must be there."""
    with index.open("rb") as file:
        start, end = (_offset_of(file, row) for row in (first, first + count))
    return FileSlice(path=data, start=start, end=end)


def _offset_of(file: Any, row: int) -> int:
    file.seek(row * _OFFSET_BYTES)
    return array("Q", file.read(_OFFSET_BYTES))[0]
