"""Rows of a load from where they are declared to be: a query, a table, a CSV or a Parquet file.

Every value comes as the text that Salesforce would take for it, in streamed batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Connection, CursorResult, Engine
from sqlalchemy.exc import SQLAlchemyError

from sf_pipelines.lake.errors import SourceError
from sf_pipelines.lake.formula_guard import without_guards
from sf_pipelines.lake.salesforce_text import text_of_values
from sf_pipelines.lake.source_files import check_columns, read_csv_file, read_parquet_file
from sf_pipelines.model.sync import Source, SourceKind

BATCH_ROWS = 10_000
NAME_CHARACTERS = 80
"""How much of a query stands for it in a message."""


def read_source(
    source: Source,
    columns: Sequence[str],
    *,
    engine: Engine | None = None,
    base_folder: Path | None = None,
) -> Iterator[pa.RecordBatch]:
    """Batches of text columns, exactly those asked for, in that order; null means no value.

    A query runs as one statement behind a server-side cursor: rows are of one moment and never all in memory.

    Args:
        source: what to read.
        columns: names as the source has them.
        engine: the database of SQL and table sources.
        base_folder: what the path of a file is relative to; the working folder by default.

    Raises:
        SourceError: the file, table or column is missing, or its content cannot be read.
    """
    if source.kind in (SourceKind.CSV, SourceKind.PARQUET):
        path = (base_folder or Path()) / source.location
        if source.kind is SourceKind.CSV:
            batches = read_csv_file(path, columns, encoding=source.encoding)
            yield from map(without_guards, batches) if source.is_guarded else batches
        else:
            yield from read_parquet_file(path, columns)
        return
    if engine is None:
        raise SourceError(f"{_name(source)} needs a database and none is configured: set one.")
    yield from _read_sql(source, columns, engine)


def _read_sql(source: Source, columns: Sequence[str], engine: Engine) -> Iterator[pa.RecordBatch]:
    try:
        # without this option the driver would take each % of a LIKE for a parameter
        with engine.connect().execution_options(no_parameters=True) as connection:
            result = _execute(source, columns, connection)
            present = list(result.keys())
            check_columns(_name(source), present, columns)
            positions = [present.index(name) for name in columns]
            for rows in result.partitions(BATCH_ROWS):
                fetched = list(zip(*rows, strict=True))
                yield _batch(source, columns, [fetched[position] for position in positions])
    except SQLAlchemyError as error:
        raise SourceError(f"{_name(source)} cannot be read: {_reason(error)}.") from error
    except (ValueError, OverflowError) as error:
        # what the driver says of a date that Python cannot hold, such as infinity
        raise SourceError(f"{_name(source)} holds a value that cannot be read ({error}): cast it.") from error


def _execute(
    source: Source, columns: Sequence[str], connection: Connection
) -> CursorResult[tuple[object, ...]]:
    streamed = connection.execution_options(stream_results=True, max_row_buffer=BATCH_ROWS)
    if source.kind is SourceKind.SQL:
        return streamed.exec_driver_sql(source.location)
    quote = connection.dialect.identifier_preparer.quote
    table = ".".join(quote(part) for part in source.location.split("."))
    with connection.exec_driver_sql(f"SELECT * FROM {table} WHERE 1 = 0") as nothing:
        check_columns(_name(source), list(nothing.keys()), columns)
    return streamed.exec_driver_sql(f"SELECT {', '.join(map(quote, columns))} FROM {table}")


def _batch(source: Source, columns: Sequence[str], values: Sequence[Sequence[object]]) -> pa.RecordBatch:
    arrays = [
        text_of_values(column, f"The column {name} of {_name(source)}")
        for name, column in zip(columns, values, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _name(source: Source) -> str:
    if source.kind is SourceKind.TABLE:
        return f"The table {source.location}"
    text = " ".join(source.location.split())
    return f"The query '{text if len(text) <= NAME_CHARACTERS else text[:NAME_CHARACTERS] + '…'}'"


def _reason(error: SQLAlchemyError) -> str:
    """The database's own first line; the library's text would add the whole statement."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
