"""Reads an uploaded CSV record by record, as strictly as the Bulk API does, and knows its byte position.

Belongs here: quoting, line endings, encoding, sizes, and the text of each refusal. Not here: reading fast
(csv_source.py), what the header's names mean (header.py). Imports nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

# [D] sections 5.3 and 5.4; that a record past them fails the whole job is [I].
MAX_HEADER_CHARS = 32_000
MAX_FIELDS = 5_000
MAX_RECORD_CHARS = 400_000
MAX_FIELD_CHARS = 131_072


class JobFailedError(Exception):
    """The job can't go on; the text becomes its errorMessage."""


class StrictCsv:
    """Records of an upload, from a byte offset on. Blank lines are passed over."""

    def __init__(self, file: BinaryIO, *, delimiter: str, line_ending: str, offset: int = 0) -> None:
        """Read `file` from `offset`; `line_ending` is LF or CRLF."""
        file.seek(offset)
        self._file = file
        self._delimiter = delimiter
        self._line_ending = line_ending
        self._lines_of_record: list[bytes] = []
        self.offset = offset
        self._reader = csv.reader(self._lines(), delimiter=delimiter, strict=True)

    def header(self) -> tuple[list[str], bytes]:
        """The first record and its raw bytes without the line ending.

        Raises:
            JobFailedError: it is missing, too long, or not CSV.
        """
        names = self._next()
        if names is None:
            raise JobFailedError("InvalidBatch : Unable to find a header row")
        raw = b"".join(self._lines_of_record)
        if len(raw.decode()) > MAX_HEADER_CHARS:
            raise JobFailedError(
                f"InvalidBatch : The header row is longer than {MAX_HEADER_CHARS} characters"
            )
        if len(names) > MAX_FIELDS:
            raise JobFailedError(f"InvalidBatch : The header row has more than {MAX_FIELDS} fields")
        return names, raw.removesuffix(b"\n").removesuffix(b"\r")

    def batch(self, rows: int) -> list[list[str]]:
        """The next records, at most `rows`; empty at the end.

        Raises:
            JobFailedError: one of them isn't well-formed.
        """
        records: list[list[str]] = []
        while len(records) < rows:
            record = self._next()
            if record is None:
                break
            records.append(record)
        return records

    def _next(self) -> list[str] | None:
        record: list[str] = []
        while not record:
            self._lines_of_record.clear()
            try:
                record = next(self._reader)
            except StopIteration:
                return None
            except csv.Error as error:
                raise self._parse_error(error) from error
            except UnicodeDecodeError as error:
                raise JobFailedError("InvalidBatch : Failed to parse CSV. The data isn't UTF-8") from error
            self._check_line_ending()
        self._check_quotes(record)
        check_sizes(record)
        return record

    def _lines(self) -> Iterator[str]:
        for line in self._file:
            self.offset += len(line)
            self._lines_of_record.append(line)
            yield line.decode("utf-8")

    def _check_line_ending(self) -> None:
        last = self._lines_of_record[-1]
        if not last.endswith(b"\n"):
            return
        if last.endswith(b"\r\n") != (self._line_ending == "CRLF"):
            raise self._bad_line_ending()

    def _check_quotes(self, record: list[str]) -> None:
        """Python's reader lets a quote stand inside an unquoted value; the Bulk API doesn't."""
        if all(b'"' not in line for line in self._lines_of_record):
            return
        for value in record:
            if '"' in value and self._quoted(value) not in b"".join(self._lines_of_record):
                message = "Found unescaped quote. A value with quote should be within a quote"
                raise JobFailedError(f"InvalidBatch : Failed to parse CSV. {message}")

    @staticmethod
    def _quoted(value: str) -> bytes:
        return ('"' + value.replace('"', '""') + '"').encode()

    def _parse_error(self, error: csv.Error) -> JobFailedError:
        if "new-line character" in str(error):
            return self._bad_line_ending()
        if "field limit" in str(error):
            return _field_too_long()
        return JobFailedError(f"InvalidBatch : Failed to parse CSV. {error}")

    def _bad_line_ending(self) -> JobFailedError:
        # [I] text, section 5.3.
        message = f"LineEnding is invalid on user data. Current LineEnding setting is {self._line_ending}"
        return JobFailedError("InvalidBatch : " + message)


def check_sizes(record: list[str]) -> None:
    """Refuse a record with a value or a whole that is too long.

    Raises:
        JobFailedError: naming the limit.
    """
    if max(map(len, record)) > MAX_FIELD_CHARS:
        raise _field_too_long()
    if sum(map(len, record)) > MAX_RECORD_CHARS:
        raise JobFailedError(f"InvalidBatch : A record is longer than {MAX_RECORD_CHARS} characters")


def _field_too_long() -> JobFailedError:
    return JobFailedError(f"InvalidBatch : A value is longer than {MAX_FIELD_CHARS} characters")
