"""Reads an uploaded CSV batch by batch, in the fastest of three ways that is certain to read it right.

A batch of one-line records is cut into columns (split_csv.py). One with values of several lines, or of uneven
rows, goes through the C reader while nothing looks wrong.
Belongs here: the checks of a whole batch's bytes that make the fast ways safe. Not here: the rules and the
texts of refusals: a batch that looks wrong in any way is read again by strict_csv.py. Imports the two, and
row_sets.py.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, tee
from typing import BinaryIO

from sf_pipelines.emulator.bulk.row_sets import ColumnRows
from sf_pipelines.emulator.bulk.split_csv import split_columns
from sf_pipelines.emulator.bulk.strict_csv import MAX_FIELD_CHARS, MAX_RECORD_CHARS, StrictCsv

Row = list[str]
# So many lines, and what they are cut into, stay in a processor's cache.
_PIECE_LINES = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class RowBatch:
    """Some consecutive rows of an upload, and the bytes `start` to `end` (exclusive) that they take."""

    rows: Sequence[Sequence[str]]
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
        found: Sequence[Sequence[str]] | None = self._columns(rows)
        if found is None:
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

    def _columns(self, count: int) -> ColumnRows | None:
        """The next rows as columns, or None when they must be read in another way."""
        self._file.seek(self.offset)
        parts: list[list[list[str]]] = []
        size = 0
        while raw_lines := list(islice(self._file, min(_PIECE_LINES, count))):
            columns = self._split(raw_lines)
            if columns is None or (parts and len(parts[0]) != len(columns)):
                return None
            parts.append(columns)
            count -= len(raw_lines)
            size += sum(map(len, raw_lines))
        if not parts:
            return None
        self.offset += size
        return ColumnRows([list(chain.from_iterable(pieces)) for pieces in zip(*parts, strict=True)])

    def _split(self, raw_lines: Sequence[bytes]) -> list[list[str]] | None:
        # A line that is no longer than a value may be holds no value that is too long.
        if max(map(len, raw_lines)) > MAX_FIELD_CHARS:
            return None
        raw = b"".join(raw_lines)
        if not self._has_right_line_endings(raw):
            return None
        newline = "\n" if self._line_ending == "LF" else "\r\n"
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return None
        whole = text if raw.endswith(b"\n") else text + newline
        return split_columns(whole, delimiter=self._delimiter, newline=newline, records=len(raw_lines))

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
        return self._has_right_line_endings(raw) and (b'"' not in raw or self._quotes_are_at_edges(raw))

    def _has_right_line_endings(self, raw: bytes) -> bool:
        """False for any other carriage return or newline, inside a quoted value too."""
        carriage_returns = raw.count(b"\r")
        if self._line_ending == "LF":
            return not carriage_returns
        return carriage_returns == raw.count(b"\r\n") == raw.count(b"\n")

    def _quotes_are_at_edges(self, raw: bytes) -> bool:
        """Cut at every quote: what stands between two quoted values begins and ends where a value does.

        An empty piece is a doubled quote inside a value.
        """
        opens = self._delimiter.encode() + b"\n"
        closes = opens + b"\r"
        pieces = raw.split(b'"')
        if len(pieces) % 2 == 0:
            return False  # a quote without its pair stands inside an unquoted value
        first, *between = pieces[::2]
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
