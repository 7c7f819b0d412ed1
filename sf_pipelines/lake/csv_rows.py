"""Streams of CSV bytes to Arrow batches, as text or typed, in bounded blocks.

Only the empty value is null: `N/A`, `null` and the like are text that somebody wrote.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from sf_pipelines.lake.errors import CsvError
from sf_pipelines.lake.types import time_of_day

BLOCK_BYTES = 4 << 20
"""A record may have 400,000 characters, and pyarrow wants a record within one block."""

Stream = Any
"""Anything with `read(size) -> bytes`; pyarrow wraps it."""


def read_csv_text(stream: Stream, *, block_bytes: int = BLOCK_BYTES) -> Iterator[pa.RecordBatch]:
    """Every column as text, header taken from the stream, empty values null.

    Raises:
        CsvError: ragged rows, broken UTF-8, or no header at all.
    """
    head = _Replayed(stream)
    names = _header(head)
    yield from _read(head, dict.fromkeys(names, pa.string()), block_bytes)


def read_csv_typed(
    stream: Stream, schema: pa.Schema, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Columns of a Bulk query result as the schema types them.

    Whole numbers may come as `12.0`, doubles as `9.1E8` ([C] EST, salesforce-api.md section 12).

    Raises:
        CsvError: the header differs from the schema, or a value does not fit its type.
    """
    read_as = {field.name: _read_type(field.type) for field in schema}
    for batch in _read(_Replayed(stream), read_as, block_bytes):
        if batch.schema.names != schema.names:
            raise CsvError(
                f"The result has the columns {', '.join(batch.schema.names)} "
                f"instead of {', '.join(schema.names)}."
            )
        columns = [_to_type(column, field) for column, field in zip(batch.columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


class _Replayed(io.RawIOBase):
    """A stream whose first bytes were looked at already, as the file that pyarrow wants."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream
        self._head = b""

    def peek_line(self) -> bytes:
        while b"\n" not in self._head and (block := self._stream.read(1 << 16)):
            self._head += block
        return self._head

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._stream.read(size)
        if size < 0:
            head, self._head = self._head, b""
            return head + self._stream.read()
        head, self._head = self._head[:size], self._head[size:]
        return head

    def readable(self) -> bool:
        return True


def _header(head: _Replayed) -> list[str]:
    line = head.peek_line()
    if not line:
        raise CsvError("The CSV is empty: not even a header came.")
    # a header row by itself parses to no rows, which is all that is wanted of it
    first = line.split(b"\n", 1)[0] + b"\n"
    return csv.read_csv(io.BytesIO(first)).schema.names


def _read(head: _Replayed, types: Mapping[str, pa.DataType], block_bytes: int) -> Iterator[pa.RecordBatch]:
    options = csv.ConvertOptions(
        column_types=dict(types), null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=True
    )
    try:
        with csv.open_csv(
            cast(IO[bytes], head),
            read_options=csv.ReadOptions(block_size=block_bytes, use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=options,
        ) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        raise CsvError(f"The CSV cannot be read: {error}.") from error


def _read_type(wanted: pa.DataType) -> pa.DataType:
    """How pyarrow's own parser is asked to read a type; what it reads too strictly comes another way."""
    if pa.types.is_int32(wanted):
        return pa.float64()
    if pa.types.is_int64(wanted) or pa.types.is_time(wanted):
        return pa.string()
    return wanted


def _to_type(column: pa.Array, field: pa.Field) -> pa.Array:
    if column.type == field.type:
        return column
    try:
        if pa.types.is_time(field.type):
            return time_of_day(column)
        if pa.types.is_string(column.type):
            column = pc.replace_substring_regex(column, r"\.0+$", "")
        return column.cast(field.type)
    except pa.ArrowInvalid as error:
        raise CsvError(f"The column {field.name} holds a value that is no {field.type}: {error}.") from error
