"""The shape of `raw.<object>` and the SQL that fills it: names, column types and statements as text.

Opens nothing and runs nothing; `warehouse` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

SCHEMA = "raw"
KEY, VERSION = "Id", "SystemModstamp"
STAGED = "pg_temp.staged"

FILLFACTOR = 50
"""How full a page of a raw table gets, in percent.

Records of an org change again and again: a changed row that finds room in its own page (a HOT update) needs
no new entry in the index, and the table does not grow.
"""

MERGE_WORK_MEM = "256MB"
"""Memory for one sort or hash of a merge, on the server, whose default of 4 MB means files on disk."""

CHANGED_AT, CHANGE_ORIGIN = "_changed_at", "_change_origin"
OTHERS_CHANGED_AT = "_others_changed_at"
BOOKKEEPING = {
    CHANGED_AT: "timestamp with time zone",
    CHANGE_ORIGIN: "text",
    OTHERS_CHANGED_AT: "timestamp with time zone",
}
"""Columns of ours: as of when a row is known by change events or a repair, null where an extract wrote it;
who made the newest change that an event told of; and when somebody else than our own loads made one, by which
a load that sends rows back tells them from its own echo."""

# spelled as information_schema spells them, so that the two can be compared
_COLUMN_TYPES = (
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int32, "integer"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_floating, "double precision"),
    (pa.types.is_date, "date"),
    (pa.types.is_timestamp, "timestamp with time zone"),
    (pa.types.is_time, "time without time zone"),
    (pa.types.is_struct, "jsonb"),
)


def table_name(sobject: str) -> str:
    """`raw.<object lower case>` as people write it."""
    return f"{SCHEMA}.{sobject.lower()}"


def quoted_table(sobject: str) -> str:
    """The same as an SQL identifier."""
    return f"{SCHEMA}.{quoted(sobject.lower())}"


def quoted(name: str) -> str:
    """A name as an SQL identifier, its case kept."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def column_types(schema: pa.Schema) -> dict[str, str]:
    """Column name to PostgreSQL type of a table for the schema."""
    return {field.name: _column_type(field.type) for field in schema}


def create_staging(types: Mapping[str, str]) -> str:
    """A table of this session alone, gone with the transaction; structs wait in it as JSON text."""
    columns = ", ".join(
        f"{quoted(name)} {'text' if kind == 'jsonb' else kind}" for name, kind in types.items()
    )
    return f"CREATE TEMPORARY TABLE staged ({columns}) ON COMMIT DROP"


def create_table(sobject: str) -> str:
    """The table with its key; other columns are added as schemas bring them."""
    return (
        f"CREATE TABLE IF NOT EXISTS {quoted_table(sobject)} "
        f"({quoted(KEY)} text PRIMARY KEY, _extracted_at timestamptz NOT NULL, "
        + ", ".join(f"{name} {kind}" for name, kind in BOOKKEEPING.items())
        + f") WITH (fillfactor = {FILLFACTOR})"
    )


def count_schema() -> str:
    """1 where the schema exists, else 0.

    Read from the catalog: what `to_regnamespace` did not find, a session would believe to be missing even
    after it has waited for the one that makes it.
    """
    return f"SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = {literal(SCHEMA)}"


def select_columns(sobject: str) -> str:
    """Names and types of the columns that the table has."""
    return (
        "SELECT column_name::text, data_type::text FROM information_schema.columns "
        f"WHERE table_schema = {literal(SCHEMA)} AND table_name = {literal(sobject.lower())}"
    )


def know_staged(types: Mapping[str, str]) -> str:
    """Statistics for the planner, of the columns that it asks about."""
    return f"ANALYZE {STAGED} ({', '.join(quoted(name) for name in (KEY, VERSION) if name in types)})"


def grant_memory() -> str:
    """More memory for the statements of this transaction."""
    return f"SET LOCAL work_mem = {literal(MERGE_WORK_MEM)}"


def count_inserted(sobject: str) -> str:
    """Rows that this transaction has inserted, by the server's own count; null where it does not count.

    The count saves a second join of all staged keys: MERGE tells only the sum of inserted and updated rows.
    """
    return (
        "SELECT CASE WHEN current_setting('track_counts')::boolean THEN pg_stat_get_xact_tuples_inserted("
        f"{literal(quoted_table(sobject))}::regclass) END"
    )


def merge(sobject: str, types: Mapping[str, str]) -> str:
    """One MERGE of the newest staged row of each key, where it is newer than the table's.

    A window that is read again brings mostly what the table has: that is left out before anything is sorted.
    Of the same version, a row that change events wrote makes way too: they carry no formulas, for instance.
    """
    version = quoted(VERSION)

    def is_newer(staged: str, old: str) -> str:
        is_same = f"{staged}.{version} = {old}.{version} AND {old}.{CHANGED_AT} IS NOT NULL"
        return f"({staged}.{version} > {old}.{version} OR ({is_same}))"

    return _merge(sobject, types, is_newer, "NULL")


def overwrite(sobject: str, types: Mapping[str, str], known_at: str) -> str:
    """One MERGE of the newest staged row of each key over whatever the table has.

    Args:
        known_at: a literal: the moment, by the org's clock, from which on the rows were read.
    """
    return _merge(sobject, types, lambda staged, old: "true", f"{known_at}::timestamptz")


def mark_gone(sobject: str, known_at: str, ids: Sequence[str] | None) -> str:
    """Rows that are not among the staged keys, and were not heard of since a moment, are deleted.

    Args:
        ids: the only rows to look at; None for all.
    """
    key, version = quoted(KEY), quoted(VERSION)
    among = "" if ids is None else f" AND t.{key} = {any_of(ids)}"
    return (
        f'UPDATE {quoted_table(sobject)} AS t SET "IsDeleted" = true, {CHANGED_AT} = {known_at}::timestamptz '
        f'WHERE t."IsDeleted" IS NOT TRUE '
        f"AND coalesce(greatest(t.{CHANGED_AT}, t.{version}), '-infinity') <= {known_at}::timestamptz "
        f"AND NOT EXISTS (SELECT FROM {STAGED} AS s WHERE s.{key} = t.{key}){among}"
    )


def any_of(ids: Sequence[str]) -> str:
    """What an Id is compared with, to be one of these."""
    return f"ANY(ARRAY[{', '.join(map(literal, ids))}]::text[])"


def _merge(sobject: str, types: Mapping[str, str], counts: Callable[[str, str], str], changed_at: str) -> str:
    key, version = quoted(KEY), quoted(VERSION)
    values = {
        quoted(name): f"s.{quoted(name)}" + ("::jsonb" if kind == "jsonb" else "")
        for name, kind in types.items()
    }
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items() if name != key)
    # bytewise order needs no collation; of equal versions the row that came last counts
    return (
        f"MERGE INTO {quoted_table(sobject)} AS t USING ("
        f'SELECT DISTINCT ON (n.{key} COLLATE "C") n.* FROM {STAGED} AS n '
        f"LEFT JOIN {quoted_table(sobject)} AS o ON o.{key} = n.{key} "
        f"WHERE o.{key} IS NULL OR {counts('n', 'o')} "
        f'ORDER BY n.{key} COLLATE "C", n.{version} DESC NULLS LAST, n.ctid DESC) AS s '
        f"ON t.{key} = s.{key} "
        f"WHEN MATCHED AND {counts('s', 't')} "
        f"THEN UPDATE SET {assignments}, _extracted_at = now(), {CHANGED_AT} = {changed_at}, "
        f"{CHANGE_ORIGIN} = CASE WHEN s.{version} = t.{version} THEN t.{CHANGE_ORIGIN} END "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(values)}, _extracted_at, {CHANGED_AT}) "
        f"VALUES ({', '.join(values.values())}, now(), {changed_at})"
    )


def _column_type(kind: pa.DataType) -> str:
    return next((name for is_kind, name in _COLUMN_TYPES if is_kind(kind)), "text")
