"""Reads an uploaded CSV batch by batch: at the speed of the C reader while nothing looks wrong.

Belongs here: the check of a whole batch's bytes that makes the C reader safe. Not here: the rules and the
texts of refusals: a batch that looks wrong in any way is read again by strict_csv.py. Imports that.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, tee
from typing import BinaryIO

from sf_pipelines.emulator.bulk.strict_csv import MAX_RECORD_CHARS, StrictCsv

Row = list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowBatch:
    """Some consecutive rows of an upload, and the bytes `start` to `end` (exclusive) that they take."""

    rows: list[Row]
    start: int
    end: int


class CsvSource:
    """An upload, read from a byte offset on. Blank lines are passed over."""

    def __init__(self, file: BinaryIO, *, delimiter: str, line_ending: str) -> None:
        """Read `file` from its beginning; `line_ending` is LF or CRLF."""
        self._file = file
        self._delimiter = delimiter
        self._line_ending = line_ending
        self.offset = 0
        """Of the next record, in bytes."""

    def header(self) -> tuple[list[str], bytes]:
        """The first record and its raw bytes without the line ending.

        Raises:
            JobFailedError: it is missing, too long, or not CSV.
        """
        self.offset = 0
        strict = self._strict()
        names, raw = strict.header()
        self.offset = strict.offset
        return names, raw

    def batch(self, rows: int) -> RowBatch:
        """The next records, at most `rows`; none at the end.

        Raises:
            JobFailedError: one of them isn't well-formed.
        """
        start = self.offset
        found = self._fast(rows)
        if found is None:
            strict = self._strict()
            found = strict.batch(rows)
            self.offset = strict.offset
        return RowBatch(rows=found, start=start, end=self.offset)

    def offset_after(self, batch: RowBatch, rows: int) -> int:
        """Where the record after the first `rows` of `batch` begins."""
        before, self.offset = self.offset, batch.start
        try:
            strict = self._strict()
            strict.batch(rows)
            return strict.offset if rows else batch.start
        finally:
            self.offset = before

    def _strict(self) -> StrictCsv:
        return StrictCsv(
            self._file, delimiter=self._delimiter, line_ending=self._line_ending, offset=self.offset
        )

    def _fast(self, count: int) -> list[Row] | None:
        """The next rows, or None when strict reading must tell what is wrong, if anything is."""
        self._file.seek(self.offset)
        lines, same_lines = tee(self._file)
        reader = csv.reader(map(bytes.decode, lines), delimiter=self._delimiter, strict=True)
        try:
            rows = _take(reader, count)
        except (csv.Error, UnicodeDecodeError):
            return None
        raw_lines = list(islice(same_lines, reader.line_num))
        raw = b"".join(raw_lines)
        if not self._looks_sound(raw) or (raw_lines and max(map(len, raw_lines)) > MAX_RECORD_CHARS):
            return None
        if len(raw_lines) != len(rows) and any(sum(map(len, row)) > MAX_RECORD_CHARS for row in rows):
            return None
        self.offset += len(raw)
        return rows

    def _looks_sound(self, raw: bytes) -> bool:
        """Whether line endings are all as declared, and quotes stand at the edges of values only."""
        carriage_returns = raw.count(b"\r")
        if self._line_ending == "LF":
            if carriage_returns:
                return False
        elif not carriage_returns == raw.count(b"\r\n") == raw.count(b"\n"):
            return False
        return b'"' not in raw or self._quotes_are_at_edges(raw)

    def _quotes_are_at_edges(self, raw: bytes) -> bool:
        """Cut at every quote: what stands between two quoted values begins and ends where a value does.

        An empty piece is a doubled quote inside a value.
        """
        opens = self._delimiter.encode() + b"\n"
        closes = opens + b"\r"
        first, *between = raw.split(b'"')[::2]
        last = between.pop() if between else b""
        if (first and first[-1] not in opens) or (last and last[0] not in closes):
            return False
        return all(not piece or (piece[0] in closes and piece[-1] in opens) for piece in set(between))


def _take(reader: Iterator[Row], count: int) -> list[Row]:
    rows = list(islice(reader, count))
    while [] in rows:
        rows = [row for row in rows if row]
        rows += islice(reader, count - len(rows))
    return rows
