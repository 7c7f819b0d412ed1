"""Rows of `raw.<object>` that the org has no more: found by comparing Ids inside the database, and marked.

A row that was deleted for good is told by no query and no event: only its absence tells. It stays in the
table, marked, as those in the recycle bin are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from adbc_driver_manager.dbapi import Cursor

from sf_pipelines.lake import raw_tables
from sf_pipelines.lake.errors import WarehouseError
from sf_pipelines.lake.postgres_rows import PostgresRows
from sf_pipelines.lake.warehouse import connected, moment, one_value

IDS = pa.schema([pa.field("Id", pa.string()), pa.field("SystemModstamp", pa.timestamp("ms", tz="UTC"))])
"""What the org is asked for, of every row that it has, the recycle bin included."""

IS_DELETED = '"IsDeleted"'


@dataclass(frozen=True, kw_only=True, slots=True)
class IdAudit:
    """Both sides by Id.

    Attributes:
        org_rows: rows that the org has; warehouse_rows: those of the table that are not marked as gone.
        missing: rows that only the org has; stale: rows that both have, the table an older version.
        gone: rows that only the table has, marked by this audit; gone_before: by earlier ones.
    """

    org_rows: int
    warehouse_rows: int
    missing: int
    stale: int
    gone: int
    gone_before: int

    @property
    def agrees(self) -> bool:
        """Whether the table holds every row of the org in its newest version; what is gone is marked."""
        return not (self.missing or self.stale)


def audit_ids(
    database_url: str, sobject: str, batches: Iterable[pa.RecordBatch], *, asked_at: datetime
) -> IdAudit:
    """Compare all Ids of the org with the table, and mark as deleted the rows that the org has no more.

    Needs memory for one batch: the comparison is the database's. The table gets the columns
    `_gone_since` (when an audit first missed the row) and, where it has none, `IsDeleted`.

    Args:
        batches: as `IDS`, every row of the org, read once.
        asked_at: the org's clock when it was asked; later rows of the table cannot be among the batches.

    Raises:
        WarehouseError: the database cannot be reached, or has no such table; nothing is marked then.
    """
    rows = PostgresRows(IDS, batches)
    failed = f"{raw_tables.table_name(sobject)} could not be compared with the org and is as it was"
    try:
        with connected(database_url, failed) as cursor:
            return _compare(cursor, raw_tables.quoted_table(sobject), rows, asked_at)
    except WarehouseError:
        # a failure of the batches comes back from the driver as its own error, without its sentence
        if rows.failure is not None:
            raise rows.failure from None
        raise


def _compare(cursor: Cursor, table: str, rows: PostgresRows, asked_at: datetime) -> IdAudit:
    columns = '"Id" text, "SystemModstamp" timestamptz'
    cursor.execute(f"CREATE TEMPORARY TABLE org_id ({columns}) ON COMMIT DROP")
    org_rows = cursor.adbc_ingest("org_id", rows.reader(), mode="append", temporary=True)
    cursor.execute("ANALYZE org_id")
    cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
    cursor.execute(
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS _gone_since timestamptz, "
        f"ADD COLUMN IF NOT EXISTS {IS_DELETED} boolean"
    )
    gone_before = one_value(cursor, f"SELECT count(*) FROM {table} WHERE _gone_since IS NOT NULL")
    cursor.execute(_unmark(table))
    cursor.execute(_mark(table, asked_at))
    return IdAudit(
        org_rows=org_rows,
        gone=cursor.rowcount,
        gone_before=gone_before,
        warehouse_rows=one_value(cursor, f"SELECT count(*) FROM {table} WHERE _gone_since IS NULL"),
        missing=one_value(
            cursor, f"SELECT count(*) FROM org_id AS o WHERE NOT EXISTS ({_row_of(table, 'o')})"
        ),
        stale=one_value(
            cursor,
            f'SELECT count(*) FROM org_id AS o JOIN {table} AS t USING ("Id") '
            'WHERE o."SystemModstamp" > t."SystemModstamp"',
        ),
    )


def _mark(table: str, asked_at: datetime) -> str:
    return (
        f"UPDATE {table} AS t SET _gone_since = now(), {IS_DELETED} = true "
        f'WHERE _gone_since IS NULL AND "SystemModstamp" < {moment(asked_at)} '
        'AND NOT EXISTS (SELECT FROM org_id AS o WHERE o."Id" = t."Id")'
    )


def _unmark(table: str) -> str:
    """A row that is there again was hidden for a while, by sharing rules for example."""
    return (
        f"UPDATE {table} AS t SET _gone_since = NULL, {IS_DELETED} = false "
        'FROM org_id AS o WHERE o."Id" = t."Id" AND t._gone_since IS NOT NULL'
    )


def _row_of(table: str, alias: str) -> str:
    return f'SELECT FROM {table} AS t WHERE t."Id" = {alias}."Id"'
