"""Rows that a repair has read into `raw.<object>`, over what is there, and rows that the org no longer has.

Other than an extract, a repair knows better than the table whatever the versions say: changes that are
missing may be older than those that came. What has changed while it read comes again by change events, which
are opened for another merge in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from sf_pipelines.lake import raw_tables
from sf_pipelines.lake.postgres_rows import PostgresRows
from sf_pipelines.lake.warehouse import MergeResult, connected, one_value, stage, write_staged

KEYS = pa.schema([pa.field(raw_tables.KEY, pa.string())])


def overwrite_raw(
    database_url: str,
    *,
    sobject: str,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    known_at: datetime,
    also: str,
) -> MergeResult:
    """Write rows as they were read; all in one transaction.

    Args:
        known_at: the org's clock before the first of them was read.
        also: a statement of the same transaction.

    Raises:
        WarehouseError: as for `merge_into_raw`.
    """
    rows = PostgresRows(schema, batches)
    moment = _literal(known_at)

    def statement(types: dict[str, str]) -> str:
        return raw_tables.overwrite(sobject, types, moment)

    with connected(database_url, f"{raw_tables.table_name(sobject)} could not be repaired") as cursor:
        result = write_staged(cursor, sobject, rows, statement)
        cursor.execute(also)
        return result


def mark_gone(
    database_url: str,
    *,
    sobject: str,
    keys: Iterable[pa.RecordBatch],
    known_at: datetime,
    ids: Sequence[str] | None = None,
) -> int:
    """Mark rows as deleted that are not among the keys that the org has; gives how many.

    Args:
        keys: batches of `Id`, of everything that the org has.
        ids: the only rows to look at; None for all.

    Raises:
        WarehouseError: the database cannot be reached or refuses.
    """
    with connected(database_url, f"{raw_tables.table_name(sobject)} could not be repaired") as cursor:
        stage(cursor, PostgresRows(KEYS, keys))
        cursor.execute(raw_tables.mark_gone(sobject, _literal(known_at), ids))
        return cursor.rowcount


def live_rows(database_url: str, sobject: str, ids: Sequence[str] | None = None) -> int:
    """Rows of the table that are not deleted, of these ids; 0 while there is no such table."""
    table = raw_tables.quoted_table(sobject)
    with connected(database_url, f"{raw_tables.table_name(sobject)} cannot be counted") as cursor:
        if not one_value(cursor, f"SELECT to_regclass({raw_tables.literal(table)}) IS NOT NULL"):
            return 0
        among = "" if ids is None else f' AND "Id" = {raw_tables.any_of(ids)}'
        return one_value(cursor, f'SELECT count(*) FROM {table} WHERE "IsDeleted" IS NOT TRUE{among}')


def _literal(moment: datetime) -> str:
    return raw_tables.literal(moment.astimezone(UTC).isoformat())
