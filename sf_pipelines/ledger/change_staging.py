"""Stored change events on their way into a table: laid out for set-based SQL, marked when they are merged.

Everything here belongs into the transaction of the merge, so that an event is merged exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, column, insert, null, table, text, update
from sqlalchemy.dialects.postgresql import dialect

from sf_pipelines.ledger.change_queries import due_changes
from sf_pipelines.ledger.change_tables import change_event

STAGED_COLUMNS = (
    "id",
    "change_type",
    "change_origin",
    "commit_timestamp",
    "commit_user",
    "schema_id",
    "record_ids",
    "diff_fields",
    "values",
)

_CREATE = """
CREATE TEMPORARY TABLE due_change (
    id bigint PRIMARY KEY, change_type text, change_origin text, commit_timestamp timestamptz,
    commit_user text, schema_id text, record_ids text[], diff_fields text[], "values" jsonb
) ON COMMIT DROP
"""

_MARK = """
UPDATE ledger.change_event AS e SET applied_at = :applied_at
FROM pg_temp.due_change AS d WHERE e.id = d.id AND e.applied_at IS NULL
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedChanges:
    """What was laid out in `pg_temp.due_change`.

    Attributes:
        schema_ids: Avro schemas that the events were written with.
        newest_commit, oldest_commit: None where there are no events.
    """

    events: int
    schema_ids: tuple[str, ...]
    oldest_commit: datetime | None
    newest_commit: datetime | None


def stage_changes(connection: Connection, sobject: str, *, limit: int) -> StagedChanges:
    """Lay out events to merge, whole transactions in the order of the stream, as `pg_temp.due_change`."""
    connection.execute(text(_CREATE))
    columns = [change_event.c[name] for name in STAGED_COLUMNS]
    due = due_changes(connection, sobject, columns, limit=limit)
    staged = table("due_change", *(column(name) for name in STAGED_COLUMNS))
    connection.execute(insert(staged).from_select(list(STAGED_COLUMNS), due))
    facts = connection.execute(
        text(
            "SELECT count(*), coalesce(array_agg(DISTINCT schema_id), '{}'), min(commit_timestamp), "
            "max(commit_timestamp) FROM pg_temp.due_change"
        )
    ).one()
    return StagedChanges(
        events=facts[0],
        schema_ids=tuple(name for name in facts[1] if name is not None),
        oldest_commit=facts[2],
        newest_commit=facts[3],
    )


def mark_staged(connection: Connection, *, applied_at: datetime) -> int:
    """Note that what was laid out is merged; gives how many events were not yet."""
    connection.execute(text("ANALYZE pg_temp.due_change"))
    return connection.execute(text(_MARK), {"applied_at": applied_at}).rowcount


def reopening(sobject: str, *, since: datetime) -> str:
    """The statement that has an object's events merged once more that were committed at a time or later.

    For the transaction that writes rows which may have been changing while they were read: merged in order
    again, they end at the newest state.
    """
    events = change_event
    statement = (
        update(events)
        .where(
            events.c.sobject == sobject,
            events.c.applied_at.is_not(None),
            events.c.commit_timestamp >= since,
        )
        .values(applied_at=null())
    )
    return str(statement.compile(dialect=dialect(), compile_kwargs={"literal_binds": True}))
