"""Bytes of a CSV before Arrow takes them: the header split off, and quotes held to RFC 4180.

Knows bytes and column names only; rows and types are in `csv_rows`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sf_pipelines.lake.errors import CsvError

HEADER_MAX_BYTES = 1 << 20
"""Far above the 32,000 characters of a Bulk header ([D] BULKG); bounds a file without line ends."""

_READ_BYTES = 1 << 16


class ReadableBytes(Protocol):
    """Anything with `read(size) -> bytes`, b"" at the end."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes."""
        ...


class CsvStream(io.RawIOBase):
    """The rows of a CSV as bytes, after its header was read; the file that pyarrow asks for.

    Attributes:
        names: column names, empty if the stream is empty; header_lines: physical lines they take.

    Raises:
        CsvError: the header is not UTF-8, has no end, holds a stray quote, or names a column twice.
    """

    def __init__(self, stream: ReadableBytes) -> None:
        super().__init__()
        self._stream = stream
        self._ahead = b""
        header = self._take_header()
        self.header_lines = header.count(b"\n")
        self.names = _names(header)

    def has_rows(self) -> bool:
        """Whether any byte follows the header."""
        self._ahead = self._ahead or self._stream.read(_READ_BYTES)
        return bool(self._ahead)

    def read(self, size: int = -1, /) -> bytes:
        """`size` bytes unless the end comes first: a short block could cut a long row twice.

        Carriage returns at the end of a block wait for the next one: between two blocks pyarrow takes
        CR and LF for one line end, even within quotes, and would lose the LF of a value.
        """
        if size < 0:
            block, self._ahead = self._ahead + self._stream.read(), b""
            return block
        pieces, self._ahead = [self._ahead[:size]], self._ahead[size:]
        missing = size - len(pieces[0])
        while missing and (more := self._stream.read(missing)):
            pieces.append(more)
            missing -= len(more)
        # joined once: growing a block piece by piece leaves the heap in shreds
        block = b"".join(pieces)
        kept = block.rstrip(b"\r")
        if kept:
            self._ahead = block[len(kept) :] + self._ahead
        return kept or block

    def readable(self) -> bool:
        """Always."""
        return True

    def _take_header(self) -> bytes:
        while (end := _record_end(self._ahead)) is None:
            if len(self._ahead) > HEADER_MAX_BYTES:
                raise CsvError("The header row has no end: save the file with LF or CRLF line ends.")
            block = self._stream.read(_READ_BYTES)
            self._ahead += block
            if not block:
                end = len(self._ahead)
                break
        header, self._ahead = self._ahead[:end], self._ahead[end:]
        return header


class StrictCsvStream(CsvStream):
    """The same, refusing quotes that RFC 4180 does not allow.

    A lenient reader takes everything up to the next quote, rows included, as one value: rows would be
    lost in silence. Whether a quote opens or closes is its parity, so blocks are checked at array speed.
    """

    def __init__(self, stream: ReadableBytes) -> None:
        super().__init__(stream)
        self._context = b"\n"
        self._is_open = False
        self._line = self._opened_line = self.header_lines + 1

    def read(self, size: int = -1, /) -> bytes:
        """As in CsvStream.

        Raises:
            CsvError: a quote inside an unquoted value, text behind a closing quote, an unclosed quote.
        """
        block = super().read(size)
        self._check(self._context + (block or b"\n"))
        if not block and self._is_open:
            raise CsvError(f"The quote opened on line {self._opened_line} is never closed: close it.")
        return block

    def _check(self, text: bytes) -> None:
        """Check the quotes between the first and the last byte, which are only looked at as neighbours."""
        data = np.frombuffer(text, np.uint8)
        quotes = np.flatnonzero(data[1:-1] == ord('"')) + 1
        opening, closing = quotes[int(self._is_open) :: 2], quotes[int(not self._is_open) :: 2]
        stray = np.concatenate(
            [opening[~_MAY_ADJOIN[data[opening - 1]]], closing[~_MAY_ADJOIN[data[closing + 1]]]]
        )
        if stray.size:
            line = self._line + text.count(b"\n", 1, int(stray.min()))
            raise CsvError(
                f"Line {line} has a quote inside a value: put the value in quotes and double the quote in it."
            )
        if opening.size:
            self._opened_line = self._line + text.count(b"\n", 1, int(opening[-1]))
        self._is_open ^= bool(quotes.size % 2)
        self._line += text.count(b"\n", 1, len(text) - 1)
        self._context = text[-2:]


def _adjoining() -> NDArray[np.bool_]:
    allowed = np.zeros(256, dtype=np.bool_)
    allowed[list(b'",\r\n')] = True
    return allowed


_MAY_ADJOIN = _adjoining()


def _record_end(text: bytes) -> int | None:
    """Where the first record ends, its line end included; None if it does not end here."""
    end = text.find(b"\n")
    while end >= 0:
        if text.count(b'"', 0, end) % 2 == 0:
            return end + 1
        end = text.find(b"\n", end + 1)
    return None


def _names(header: bytes) -> list[str]:
    if not header:
        return []
    try:
        rows = list(csv.reader(io.StringIO(header.decode("utf-8-sig"), newline=""), strict=True))
    except UnicodeDecodeError as error:
        raise CsvError("The header row is not UTF-8: save the file as UTF-8.") from error
    except csv.Error as error:
        raise CsvError(f"The header row cannot be read ({error}): check its quotes and line ends.") from error
    names = rows[0] if rows else []
    if not names:
        raise CsvError("The first line is empty: it must be the header row.")
    for name, times in Counter(names).items():
        if times > 1:
            raise CsvError(f"The header names the column '{name}' {times} times: each name must be unique.")
    return names
