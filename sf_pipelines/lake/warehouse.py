"""Arrow batches into `raw.<object>`: binary COPY into a staging table, then one MERGE by Id.

The newer SystemModstamp wins, so that a window may be read again, late or twice, without harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import adbc_driver_postgresql.dbapi as adbc
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from adbc_driver_manager.dbapi import Connection, Cursor
from adbc_driver_manager.dbapi import Error as AdbcError

from sf_pipelines.lake.errors import WarehouseError

SCHEMA = "raw"
KEY, VERSION = "Id", "SystemModstamp"
NUL_SYMBOL = "\u2400"


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeResult:
    """Rows of one merge.

    Attributes:
        unchanged: rows that the table held already, as new or newer.
    """

    staged: int
    inserted: int
    updated: int
    unchanged: int


def merge_into_raw(
    database_url: str, *, sobject: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> MergeResult:
    """Merge rows into `raw.<object>`, made or widened as the schema needs; all in one transaction.

    PostgreSQL text cannot hold NUL characters; their visible symbol U+2400 stands in for them.

    Args:
        schema: has `Id` and `SystemModstamp`.

    Raises:
        WarehouseError: the database cannot be reached or refuses the rows; nothing is merged then.
    """
    table = sobject.lower()
    try:
        with adbc.connect(_libpq_url(database_url)) as connection, connection.cursor() as cursor:
            return _merge(connection, cursor, table, schema, batches)
    except AdbcError as error:
        reason = str(error).strip().splitlines()[0]
        raise WarehouseError(f"raw.{table} could not be merged and is as it was: {reason}") from error


def _merge(
    connection: Connection, cursor: Cursor, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> MergeResult:
    _make_table(cursor, table, schema)
    staging = f"{table}_{uuid4().hex[:12]}"
    columns = ", ".join(f"{_quoted(field.name)} {_staging_type(field.type)}" for field in schema)
    cursor.execute(f"CREATE TEMPORARY TABLE {staging} ({columns}) ON COMMIT DROP")
    plain = _plain_schema(schema)
    reader = pa.RecordBatchReader.from_batches(plain, _plain_batches(batches, plain))
    staged = cursor.adbc_ingest(staging, reader, mode="append", temporary=True)
    cursor.execute(_merge_statement(table, staging, schema))
    actions = dict(cursor.fetchall())
    connection.commit()
    inserted, updated = actions.get("INSERT", 0), actions.get("UPDATE", 0)
    return MergeResult(
        staged=staged, inserted=inserted, updated=updated, unchanged=staged - inserted - updated
    )


def _make_table(cursor: Cursor, table: str, schema: pa.Schema) -> None:
    # concurrent CREATE ... IF NOT EXISTS of one name can collide: one writer at a time shapes a table
    cursor.execute(f"SELECT pg_advisory_xact_lock(hashtext('{SCHEMA}.{table}'))")
    cursor.fetchall()
    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{_quoted(table)} ({_quoted(KEY)} text PRIMARY KEY, "
        "_extracted_at timestamptz NOT NULL)"
    )
    cursor.execute(
        "SELECT column_name FROM information_schema.columns "
        f"WHERE table_schema = '{SCHEMA}' AND table_name = '{table}'"
    )
    present = {row[0] for row in cursor.fetchall()}
    for field in schema:
        if field.name not in present:
            column = f"{_quoted(field.name)} {_column_type(field.type)}"
            cursor.execute(f"ALTER TABLE {SCHEMA}.{_quoted(table)} ADD COLUMN {column}")


def _merge_statement(table: str, staging: str, schema: pa.Schema) -> str:
    names = [field.name for field in schema]
    values = {
        field.name: f"s.{_quoted(field.name)}" + ("::jsonb" if pa.types.is_struct(field.type) else "")
        for field in schema
    }
    assignments = ", ".join(f"{_quoted(name)} = {values[name]}" for name in names if name != KEY)
    return (
        f"WITH merged AS (MERGE INTO {SCHEMA}.{_quoted(table)} AS t "
        f"USING (SELECT DISTINCT ON ({_quoted(KEY)}) * FROM {staging} "
        f"ORDER BY {_quoted(KEY)}, {_quoted(VERSION)} DESC) AS s ON t.{_quoted(KEY)} = s.{_quoted(KEY)} "
        f"WHEN MATCHED AND s.{_quoted(VERSION)} > t.{_quoted(VERSION)} "
        f"THEN UPDATE SET {assignments}, _extracted_at = now() "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(map(_quoted, names))}, _extracted_at) "
        f"VALUES ({', '.join(values.values())}, now()) RETURNING merge_action() AS action) "
        "SELECT action, count(*) FROM merged GROUP BY action"
    )


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    """Structs go as JSON text: COPY has no form for them."""
    return pa.schema(
        [pa.field(item.name, pa.string() if pa.types.is_struct(item.type) else item.type) for item in schema]
    )


def _plain_batches(batches: Iterable[pa.RecordBatch], plain: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        columns = [_plain_column(column) for column in batch.columns]
        yield pa.RecordBatch.from_arrays(columns, schema=plain)


def _plain_column(column: pa.Array) -> pa.Array:
    if pa.types.is_struct(column.type):
        return pa.array([_json_text(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_string(column.type):
        return pc.replace_substring(column, "\x00", NUL_SYMBOL)
    return column


def _json_text(value: dict[str, Any] | None) -> str | None:
    if value is None:
        return None
    clean = {
        name: part.replace("\x00", NUL_SYMBOL) if isinstance(part, str) else part
        for name, part in value.items()
    }
    return orjson.dumps(clean).decode()


def _staging_type(type_: pa.DataType) -> str:
    return "text" if pa.types.is_struct(type_) else _column_type(type_)


def _column_type(type_: pa.DataType) -> str:
    kinds = (
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_int32, "integer"),
        (pa.types.is_int64, "bigint"),
        (pa.types.is_floating, "double precision"),
        (pa.types.is_date, "date"),
        (pa.types.is_timestamp, "timestamptz"),
        (pa.types.is_time, "time"),
        (pa.types.is_struct, "jsonb"),
    )
    return next((name for is_kind, name in kinds if is_kind(type_)), "text")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _libpq_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme.partition("+")[0] + separator + rest
