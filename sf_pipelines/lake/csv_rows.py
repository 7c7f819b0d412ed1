"""Streams of CSV bytes to Arrow batches, as text or typed, in bounded blocks.

Only the empty value is null: `N/A`, `null`, `#N/A` and the like are text that somebody wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import IO, cast

import pyarrow as pa
from pyarrow import csv

from sf_pipelines.lake.csv_stream import CsvStream, ReadableBytes
from sf_pipelines.lake.errors import CsvError, MisfitError
from sf_pipelines.lake.typed_columns import typed_column

BLOCK_BYTES = 2 << 20
"""A row must fit into a block; a record has up to 400,000 characters of up to 4 bytes ([D] BULKG)."""


def read_csv_text(
    stream: ReadableBytes, *, columns: Sequence[str] | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Columns as text, names taken from the header, empty values null.

    Args:
        stream: bytes of the CSV.
        columns: those to keep, all by default; what is not kept is not built either.
        block_bytes: read at a time.

    Raises:
        CsvError: a wrong header, ragged rows, broken UTF-8, a row longer than a block, or nothing at all.
    """
    opened = CsvStream(stream)
    if not opened.names:
        raise CsvError("The CSV is empty: not even a header came.")
    yield from text_batches(opened, columns=columns, block_bytes=block_bytes)


def read_csv_typed(
    stream: ReadableBytes, schema: pa.Schema, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[pa.RecordBatch]:
    """Columns of a Bulk query result as the schema types them; a stream without a byte holds no rows.

    Raises:
        CsvError: the header differs from the schema, a value is not of its type, and as `read_csv_text`.
    """
    opened = CsvStream(stream)
    if opened.names and opened.names != schema.names:
        raise CsvError(
            f"The result has the columns {', '.join(opened.names)} instead of {', '.join(schema.names)}."
        )
    for batch in text_batches(opened, block_bytes=block_bytes):
        yield _typed(batch, schema)


def text_batches(
    stream: CsvStream, *, columns: Sequence[str] | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[pa.RecordBatch]:
    """The rows behind a header that was read already.

    Raises:
        CsvError: as `read_csv_text`.
    """
    if not stream.has_rows():
        return
    try:
        # one thread: rows in errors are numbered, and a second one gains nothing at these block sizes
        with csv.open_csv(
            cast(IO[bytes], stream),
            read_options=csv.ReadOptions(
                column_names=stream.names, block_size=block_bytes, use_threads=False
            ),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(stream.names, pa.string()),
                include_columns=list(columns or ()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        ) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        raise CsvError(_sentence(str(error), stream.names, block_bytes)) from error


def _typed(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    try:
        columns = [typed_column(column, field) for column, field in zip(batch.columns, schema, strict=True)]
    except MisfitError as error:
        raise CsvError(str(error)) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")
_NOT_UTF8 = re.compile(r"CSV column #(\d+): Row #(\d+): .*invalid UTF8")


def _sentence(reason: str, names: list[str], block_bytes: int) -> str:
    """The parser's words without the row itself, which may be personal data."""
    if found := _RAGGED.search(reason):
        row, expected, got = found.groups()
        return f"Row {row} has {got} values and the header {expected} names: mend the row."
    if found := _NOT_UTF8.search(reason):
        column, row = int(found[1]), found[2]
        return f"Row {row} is not UTF-8 in the column {names[column]}: save the file as UTF-8."
    if "straddl" in reason:
        return f"A row is longer than {block_bytes:,} bytes: shorten it, or close the quote that it opens."
    return f"The CSV cannot be read ({reason.splitlines()[0]}): check its quotes and line ends."
