"""Arrow batches into `raw.<object>`: binary COPY into a staging table, then one MERGE by Id.

The newer SystemModstamp wins, so that a window may be read again, late or twice, without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
from adbc_driver_manager.dbapi import Cursor
from adbc_driver_manager.dbapi import Error as AdbcError

from sf_pipelines.lake import raw_tables
from sf_pipelines.lake.errors import WarehouseError
from sf_pipelines.lake.postgres_rows import PostgresRows
from sf_pipelines.model.slice import Window

CONNECT_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeResult:
    """Rows of one merge.

    Attributes:
        unchanged: rows that the table held already, as new or newer, and older repeats of a staged key.
        nul_values: texts in which NUL characters were written as U+2400, since PostgreSQL cannot hold them.
    """

    staged: int
    inserted: int
    updated: int
    unchanged: int
    nul_values: int = 0


def merge_into_raw(
    database_url: str, *, sobject: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> MergeResult:
    """Merge rows into `raw.<object>`, made or widened as the schema needs; all in one transaction.

    Two writers of one object wait for each other only while they merge, not while they copy; readers never
    wait. Address and location columns become jsonb. PostgreSQL text cannot hold the NUL character, which
    Salesforce can return (airbyte#8300): its visible symbol U+2400 stands in for it there, and
    `MergeResult.nul_values` counts the values; the lake keeps them as they came.

    Args:
        database_url: `postgresql://…`, with or without a SQLAlchemy driver; PostgreSQL 15 or newer.
        sobject: names the table.
        schema: of the batches; has `Id` and `SystemModstamp`.
        batches: read once, streamed.

    Raises:
        WarehouseError: the database cannot be reached or refuses the rows, or a column has changed its
            type; nothing is merged then, and no staging table is left.
    """
    table = raw_tables.table_name(sobject)
    _check_schema(table, schema)
    rows = PostgresRows(schema, batches)
    try:
        with connected(database_url, f"{table} could not be merged and is as it was") as cursor:
            return _merge(cursor, sobject, rows)
    except WarehouseError:
        # a failure of the batches comes back from the driver as its own error, without its sentence
        if rows.failure is not None:
            raise rows.failure from None
        raise


def warehouse_count(database_url: str, sobject: str, window: Window | None) -> int:
    """Rows of `raw.<object>`, those with SystemModstamp in the window; 0 while there is no such table.

    Raises:
        WarehouseError: the database cannot be reached, or refuses.
    """
    table = raw_tables.quoted_table(sobject)
    statement = f"SELECT count(*) FROM {table}"
    if window is not None:
        version = raw_tables.quoted(raw_tables.VERSION)
        statement += f" WHERE {version} >= {moment(window.start)} AND {version} < {moment(window.end)}"
    with connected(database_url, f"{raw_tables.table_name(sobject)} cannot be counted") as cursor:
        if one_value(cursor, f"SELECT to_regclass({raw_tables.literal(table)}) IS NOT NULL"):
            return one_value(cursor, statement)
        return 0


@contextmanager
def connected(database_url: str, failed: str) -> Generator[Cursor]:
    """One transaction; committed at the end of the block, rolled back on an error."""
    try:
        with adbc.connect(_libpq_url(database_url)) as connection, connection.cursor() as cursor:
            yield cursor
            connection.commit()
    except AdbcError as error:
        reason = _without_password(str(error), database_url)
        raise WarehouseError(
            f"{failed}: {reason}; check SF_PIPELINES_DATABASE_URL and the database."
        ) from error


def _merge(cursor: Cursor, sobject: str, rows: PostgresRows) -> MergeResult:
    return write_staged(cursor, sobject, rows, lambda types: raw_tables.merge(sobject, types))


def write_staged(
    cursor: Cursor, sobject: str, rows: PostgresRows, statement: Callable[[dict[str, str]], str]
) -> MergeResult:
    """Stage rows, shape the table for them, and write them by the statement for their columns.

    Raises:
        WarehouseError: a column has changed its type, or the server does not count rows.
    """
    types, staged = stage(cursor, rows)
    _shape_table(cursor, sobject, types)
    # readers go on; other writers wait, so that a key is not inserted twice
    cursor.execute(f"LOCK TABLE {raw_tables.quoted_table(sobject)} IN SHARE ROW EXCLUSIVE MODE")
    cursor.execute(raw_tables.grant_memory())
    cursor.execute(statement(types))
    merged = cursor.rowcount
    inserted = one_value(cursor, raw_tables.count_inserted(sobject))
    if inserted is None:
        raise WarehouseError(
            f"{raw_tables.table_name(sobject)} was not merged, since the server does not count rows: set its "
            "parameter track_counts to on."
        )
    return MergeResult(
        staged=staged,
        inserted=inserted,
        updated=merged - inserted,
        unchanged=staged - merged,
        nul_values=rows.nul_values,
    )


def stage(cursor: Cursor, rows: PostgresRows) -> tuple[dict[str, str], int]:
    """Copy rows into the staging table; gives its columns and how many rows it has."""
    types = raw_tables.column_types(rows.schema)
    cursor.execute(raw_tables.create_staging(types))
    staged = cursor.adbc_ingest("staged", rows.reader(), mode="append", temporary=True)
    cursor.execute(raw_tables.know_staged(types))
    return types, staged


def _shape_table(cursor: Cursor, sobject: str, types: dict[str, str]) -> None:
    # asked first, since the statement needs a right on the database even where the schema exists
    if not one_value(cursor, raw_tables.count_schema()):
        _one_at_a_time(cursor, raw_tables.SCHEMA)
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {raw_tables.SCHEMA}")
    _one_at_a_time(cursor, raw_tables.table_name(sobject))
    cursor.execute(raw_tables.create_table(sobject))
    cursor.execute(raw_tables.select_columns(sobject))
    present = dict(cursor.fetchall())
    table = raw_tables.quoted_table(sobject)
    for name, kind in {**types, **raw_tables.BOOKKEEPING}.items():
        if name not in present:
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN {raw_tables.quoted(name)} {kind}")
        elif present[name] != kind:
            raise WarehouseError(
                f"{raw_tables.table_name(sobject)} holds {name} as {present[name]} and the org now sends "
                f"{kind}: run ALTER TABLE {table} ALTER COLUMN {raw_tables.quoted(name)} TYPE {kind}."
            )


def _one_at_a_time(cursor: Cursor, name: str) -> None:
    """Until the transaction ends: CREATE ... IF NOT EXISTS of one name by two sessions can collide."""
    one_value(cursor, f"SELECT pg_advisory_xact_lock(hashtext({raw_tables.literal(name)})) IS NULL")


def _check_schema(table: str, schema: pa.Schema) -> None:
    for name in (raw_tables.KEY, raw_tables.VERSION):
        if name not in schema.names:
            raise WarehouseError(f"{table} is merged by {name}, which the rows lack: extract that field too.")


def one_value(cursor: Cursor, statement: str) -> Any:
    """The only value of a query."""
    cursor.execute(statement)
    row = cursor.fetchone()
    assert row is not None
    return row[0]


def moment(when: datetime) -> str:
    """A moment as an SQL literal."""
    return f"{raw_tables.literal(when.astimezone(UTC).isoformat())}::timestamptz"


def _libpq_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    wait = "" if "connect_timeout=" in rest else f"connect_timeout={CONNECT_TIMEOUT_SECONDS}"
    joint = ("&" if "?" in rest else "?") if wait else ""
    return scheme.partition("+")[0] + separator + rest + joint + wait


def _without_password(message: str, url: str) -> str:
    """The first line of the driver's message; libpq quotes parts of a URL that it cannot read."""
    reason = (message.strip().splitlines() or ["no reason given"])[0].rstrip(".")
    user_info = url.partition("://")[2].rpartition("@")[0]
    password = user_info.partition(":")[2]
    for secret in {password, unquote(password)} - {""}:
        reason = reason.replace(secret, "***")
    return reason
