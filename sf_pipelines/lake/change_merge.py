"""The SQL that merges change events into `raw.<object>`: events to rows, rows to their newest state.

Works on the events in `pg_temp.due_change` (id, change_type, change_origin, commit_timestamp, commit_user,
record_ids, diff_fields, values). Text only; `workflows.merge_changes` runs it.

Which event counts: one that was committed before the table's row was known is older than the row, and is left
out. A row is known as of its SystemModstamp, or as of `_changed_at`, the commit of its newest event or the
moment when a repair began to read it, whichever is later. An event of that very moment is applied: of a
stream it is the later one, and what a read held already it does not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sf_pipelines.lake import change_columns
from sf_pipelines.lake.raw_tables import KEY, VERSION, literal, quoted, quoted_table
from sf_pipelines.model.change import EventLeaf

IS_DELETED = "IsDeleted"
MODIFIED = "LastModifiedDate"
OWN_COLUMNS = {KEY: "text", VERSION: change_columns.TIMESTAMP, IS_DELETED: "boolean"}
"""Columns that every table of changes has, and that no event carries."""

WHOLE = "('CREATE', 'UNDELETE')"
"""Changes that carry every value that is not empty [D CDCG]."""


_DELETED_BY = (
    "jsonb_build_object('LastModifiedDate', (extract(epoch FROM c.commit_timestamp) * 1000)::bigint, "
    "'LastModifiedById', c.commit_user)"
)
"""A row in the recycle bin was last modified by its delete, which carries no values itself ([I] CDCG)."""


def explode(sobject: str) -> str:
    """`pg_temp.due_row`: a row for each event and record, less those that the table knows better.

    A value that is only a diff is left out; the record needs a repair then.
    """
    return (
        "CREATE TEMPORARY TABLE due_row ON COMMIT DROP AS "
        "SELECT c.id, r.record_id, c.change_type, c.change_origin, c.commit_timestamp, "
        f"CASE WHEN c.change_type = 'DELETE' THEN {_DELETED_BY} ELSE c.\"values\" - c.diff_fields END AS v, "
        "cardinality(c.diff_fields) > 0 AS has_diff "
        "FROM pg_temp.due_change AS c CROSS JOIN LATERAL unnest(c.record_ids) AS r(record_id) "
        f"LEFT JOIN {quoted_table(sobject)} AS t ON t.{quoted(KEY)} = r.record_id "
        "WHERE c.change_type IN ('CREATE', 'UPDATE', 'DELETE', 'UNDELETE') AND r.record_id NOT LIKE '%*' "
        f"AND c.commit_timestamp >= coalesce(greatest(t._changed_at, t.{quoted(VERSION)}), '-infinity')"
    )


MERGE_VALUES = (
    "CREATE OR REPLACE AGGREGATE pg_temp.merged(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}')"
)
"""Values one over the other, the last one on top."""


def fold(client: str) -> str:
    """`pg_temp.folded`: the newest state of each record; earlier ones than one with all values are void.

    Args:
        client: the name under which our own loads write, as `changeOrigin` repeats it [D RESTG].
    """
    is_ours = f"origin_of.client = {literal(client)}"
    return f"""
CREATE TEMPORARY TABLE folded ON COMMIT DROP AS
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY record_id ORDER BY commit_timestamp, id) AS rank
    FROM pg_temp.due_row
), based AS (
    SELECT *, max(rank) FILTER (WHERE change_type IN {WHOLE}) OVER (PARTITION BY record_id) AS base
    FROM ranked
)
SELECT record_id,
    bool_or(base IS NOT NULL) AS is_whole,
    bool_or(has_diff) AS has_diff,
    coalesce((array_agg(change_type ORDER BY rank DESC) FILTER (WHERE change_type <> 'UPDATE'))[1], 'UPDATE')
        = 'DELETE' AS is_deleted,
    (array_agg(change_origin ORDER BY rank DESC))[1] AS origin,
    max(commit_timestamp) AS changed_at,
    max(commit_timestamp) FILTER (WHERE NOT {is_ours}) AS others_changed_at,
    coalesce(pg_temp.merged(v ORDER BY rank) FILTER (WHERE rank >= coalesce(base, 0)), '{{}}') AS v
FROM based CROSS JOIN LATERAL (
    SELECT coalesce(substring(change_origin FROM ';client=([^;]*)'), '') AS client
) AS origin_of
GROUP BY record_id
"""


def count_rows(sobject: str) -> str:
    """Records that are new, that are deleted, and that the table lacks although the events need it."""
    is_known = f"EXISTS (SELECT FROM {quoted_table(sobject)} AS t WHERE t.{quoted(KEY)} = s.record_id)"
    return (
        f"SELECT count(*) FILTER (WHERE is_whole AND NOT {is_known}), "
        f"count(*) FILTER (WHERE is_deleted AND {is_known}), "
        f"coalesce(array_agg(record_id) FILTER (WHERE NOT is_whole AND NOT is_deleted "
        f"AND NOT {is_known}), '{{}}'), "
        "coalesce(array_agg(record_id) FILTER (WHERE has_diff), '{}') FROM pg_temp.folded AS s"
    )


def merge(sobject: str, leaves: Sequence[EventLeaf], present: Mapping[str, str]) -> str:
    """One MERGE of the folded rows: only what the events carry is written.

    Args:
        present: columns of the table and their types, all that `change_columns.column_types` names included.
    """
    updates = _values(leaves, present, has_row=True)
    inserts = _values(leaves, present, has_row=False)
    assignments = ", ".join(f"{quoted(name)} = {value}" for name, value in updates.items() if name != KEY)
    own = (
        "_changed_at = s.changed_at, _change_origin = s.origin, _extracted_at = now(), "
        "_others_changed_at = greatest(t._others_changed_at, s.others_changed_at)"
    )
    columns = ", ".join(map(quoted, inserts))
    return (
        f"MERGE INTO {quoted_table(sobject)} AS t USING pg_temp.folded AS s ON t.{quoted(KEY)} = s.record_id "
        f"WHEN MATCHED THEN UPDATE SET {assignments}, {own} "
        f"WHEN NOT MATCHED AND s.is_whole THEN "
        f"INSERT ({columns}, _changed_at, _change_origin, _others_changed_at, _extracted_at) "
        f"VALUES ({', '.join(inserts.values())}, s.changed_at, s.origin, s.others_changed_at, now())"
    )


def _values(leaves: Sequence[EventLeaf], present: Mapping[str, str], *, has_row: bool) -> dict[str, str]:
    types = change_columns.column_types(leaves, present)
    values = {KEY: "s.record_id", VERSION: _version(has_row), IS_DELETED: _is_deleted(has_row)}
    for name, kind in types.items():
        if name not in values:
            values[name] = _kept(name, [name], change_columns.value(name, kind), has_row)
    for name, parts in change_columns.compounds(leaves, present).items():
        told = change_columns.compound_value(name, parts, has_row=has_row)
        values[name] = _kept(name, parts.values(), told, has_row)
    name_parts = [leaf.name for leaf in leaves if leaf.compound == "Name" and leaf.name in types]
    if name_parts:
        whole = change_columns.person_name(types, has_row=has_row)
        person = _kept("Name", name_parts, f"nullif({whole}, '')", has_row)
        values["Name"] = f"CASE WHEN s.v ? 'Name' THEN s.v ->> 'Name' ELSE {person} END"
    return values


def _kept(name: str, fields: Iterable[str], told: str, has_row: bool) -> str:
    """The value that is told, else the one that the row has."""
    if not has_row:
        return told
    is_told = change_columns.carries(fields)
    return f"CASE WHEN s.is_whole OR {is_told} THEN {told} ELSE t.{quoted(name)} END"


def _version(has_row: bool) -> str:
    """The org's own stamp, which no event carries: never before the last modification."""
    modified = change_columns.value(MODIFIED, change_columns.TIMESTAMP)
    stamp = f"coalesce({modified}, s.changed_at)"
    return f"greatest(t.{quoted(VERSION)}, {stamp})" if has_row else stamp


def _is_deleted(has_row: bool) -> str:
    before = f"t.{quoted(IS_DELETED)}" if has_row else "false"
    return f"CASE WHEN s.is_deleted THEN true WHEN s.is_whole THEN false ELSE {before} END"


def add_column(sobject: str, name: str, kind: str) -> list[str]:
    """Statements for a column that the stream brought; a checkbox is never empty, also of older rows."""
    table, column = quoted_table(sobject), quoted(name)
    if kind != "boolean":
        return [f"ALTER TABLE {table} ADD COLUMN {column} {kind}"]
    return [
        f"ALTER TABLE {table} ADD COLUMN {column} boolean DEFAULT false",
        f"ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT",
    ]


def lock_table(sobject: str) -> str:
    """Readers go on; other writers wait until the merge is committed."""
    return f"LOCK TABLE {quoted_table(sobject)} IN SHARE ROW EXCLUSIVE MODE"


def lock_name(sobject: str) -> str:
    """Held before the table's columns are looked at, so that two merges of one object follow each other."""
    return f"SELECT pg_advisory_xact_lock(hashtext({literal(f'changes of {sobject.lower()}')}))"
