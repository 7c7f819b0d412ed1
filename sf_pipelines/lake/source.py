"""Rows of a load from where they are declared to be: a query, a table, a CSV or a Parquet file.

Every value comes as the text that Salesforce would take for it, in streamed batches.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from sf_pipelines.lake.csv_rows import read_csv_text
from sf_pipelines.lake.errors import CsvError, SourceError
from sf_pipelines.model.sync import Source, SourceKind

BATCH_ROWS = 10_000


def read_source(
    source: Source, columns: Sequence[str], *, engine: Engine | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of text columns, exactly those asked for, in that order; null means no value.

    Raises:
        SourceError: the file, table or column is missing, or its content cannot be read.
    """
    if source.kind is SourceKind.CSV:
        batches = _read_csv(Path(source.location), columns)
    elif source.kind is SourceKind.PARQUET:
        batches = _read_parquet(Path(source.location), columns)
    else:
        if engine is None:
            raise SourceError(f"The source {source.location} needs a database and none is configured.")
        batches = _read_sql(source, columns, engine)
    yield from batches


def salesforce_text(value: Any) -> str | None:
    """A database value as Salesforce takes it in CSV ([D] BULKG 5.3); empty text is no value.

    Raises:
        SourceError: binary data.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, time):
        return f"{value.isoformat(timespec='milliseconds')}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        return format(Decimal(repr(value)) if isinstance(value, float) else value, "f").removesuffix(".0")
    if isinstance(value, bytes | memoryview):
        raise SourceError("A source column holds binary data, which cannot be loaded: encode or drop it.")
    return str(value)


def _read_csv(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    _check_header(path, columns)
    try:
        with path.open("rb") as file:
            for batch in read_csv_text(file):
                yield batch.select(columns)
    except CsvError as error:
        raise SourceError(f"{path} {_where_it_breaks(path)} ({error})") from error
    except OSError as error:
        raise SourceError(f"The source file {path} cannot be read ({error.strerror}).") from error


def _check_header(path: Path, columns: Sequence[str]) -> None:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except FileNotFoundError:
        raise SourceError(f"The source file {path} does not exist: check the folder and the name.") from None
    except UnicodeDecodeError:
        raise SourceError(f"{path} {_where_it_breaks(path)}: save it as UTF-8.") from None
    except OSError as error:
        raise SourceError(f"The source file {path} cannot be read ({error.strerror}).") from error
    if not header:
        raise SourceError(f"The source file {path} is empty: it needs a header row.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise SourceError(f"{path} names the column {twice[0]} twice in its header: rename one of them.")
    _check_columns(str(path), header, columns)


def _check_columns(where: str, present: Sequence[str], wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in present:
            near = get_close_matches(name, present, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise SourceError(f"{where} has no column {name}{hint}; it has {', '.join(present)}.")


def _where_it_breaks(path: Path) -> str:
    """What is wrong with a CSV, by line; only asked when reading has failed."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f"is not UTF-8 on line {number}"
    with suppress(csv.Error), path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        width = len(next(reader))
        for row in reader:
            if row and len(row) != width:
                return f"has {len(row)} values instead of {width} on line {reader.line_num}"
    return "cannot be read as CSV"


def _read_parquet(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(str(path), file.schema_arrow.names, columns)
            for batch in file.iter_batches(BATCH_ROWS, columns=list(columns)):
                yield _as_text(
                    zip(*(column.to_pylist() for column in batch.select(columns)), strict=True), columns
                )
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"The source file {path} cannot be read as Parquet ({error}).") from error


def _read_sql(source: Source, columns: Sequence[str], engine: Engine) -> Iterator[pa.RecordBatch]:
    statement = source.location
    if source.kind is SourceKind.TABLE:
        quoted = ".".join(f'"{part}"' for part in source.location.split("."))
        statement = f"SELECT * FROM {quoted}"
    try:
        with engine.connect().execution_options(stream_results=True, max_row_buffer=BATCH_ROWS) as connection:
            result = connection.exec_driver_sql(statement)
            present = list(result.keys())
            _check_columns(f"The source {source.location}", present, columns)
            positions = [present.index(name) for name in columns]
            for rows in result.partitions(BATCH_ROWS):
                yield _as_text(([row[position] for position in positions] for row in rows), columns)
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise SourceError(f"The source {source.location} cannot be read: {reason}.") from error


def _as_text(rows: Any, columns: Sequence[str]) -> pa.RecordBatch:
    texts = [[salesforce_text(value) for value in column] for column in zip(*rows, strict=True)]
    if not texts:
        texts = [[] for _ in columns]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, pa.string()) for column in texts], names=list(columns)
    )
