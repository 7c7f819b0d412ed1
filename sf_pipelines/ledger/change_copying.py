"""Change events into their table by COPY, each of them once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from functools import lru_cache

import psycopg2
from psycopg2 import sql
from psycopg2.errors import UniqueViolation
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from sf_pipelines.ledger.change_tables import change_event
from sf_pipelines.ledger.copying import copy_line
from sf_pipelines.ledger.jsonable import dumps_plain, storable
from sf_pipelines.model.change import ChangeEvent, StreamedEvent, UndecodableEvent

EventKey = tuple[bytes, str]
"""Replay id and event id: the same pair on the same channel is the same event."""

_COLUMNS = (
    "channel",
    "stored_at",
    "replay_id",
    "event_id",
    "schema_id",
    "sobject",
    "transaction_key",
    "sequence_number",
    "commit_timestamp",
    "commit_number",
    "commit_user",
    "change_type",
    "change_origin",
    "record_ids",
    "changed_fields",
    "nulled_fields",
    "diff_fields",
    "values",
    "payload",
    "unreadable_because",
)

_STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS arrived_event (LIKE ledger.change_event) ON COMMIT DELETE ROWS;
ALTER TABLE arrived_event ALTER COLUMN id DROP NOT NULL;
"""

_INSERT_NEW = """
INSERT INTO ledger.change_event ({columns}) SELECT {columns} FROM arrived_event
ON CONFLICT (channel, replay_id, event_id) DO NOTHING RETURNING replay_id, event_id
"""


def copy_events(
    connection: Connection, channel: str, events: Sequence[StreamedEvent], *, stored_at: datetime
) -> set[EventKey]:
    """Append events within the connection's transaction, and give the keys of those that were new.

    An event comes again where a stream was cut behind it and before its position was stored. That is rare,
    so events go straight to their table, and by way of a staging table only where one of them is known.
    """
    shared = (storable(channel), stored_at.isoformat())
    lines = "".join(copy_line((*shared, *_columns(event))) for event in events)
    try:
        with connection.begin_nested():
            _copy(connection, change_event.schema, change_event.name, lines)
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        return _copy_new(connection, lines)
    return {(event.replay_id, event.event_id) for event in events}


def _copy_new(connection: Connection, lines: str) -> set[EventKey]:
    connection.execute(text(_STAGE))
    _copy(connection, None, "arrived_event", lines)
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    inserted = connection.execute(text(_INSERT_NEW.format(columns=columns)))
    return {(bytes(replay_id), event_id) for replay_id, event_id in inserted}


def _copy(connection: Connection, schema: str | None, table: str, lines: str) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(schema, table) if schema else sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
    )
    try:
        with closing(connection.connection.cursor()) as cursor:
            cursor.copy_expert(statement, io.StringIO(lines))
    except psycopg2.Error as error:
        # the driver's own, unlike those of statements, which `transaction` turns into a sentence
        raise DBAPIError.instance("COPY", None, error, psycopg2.Error) from error


def _columns(event: StreamedEvent) -> tuple[str | None, ...]:
    """From `replay_id` on."""
    known = (_bytes(event.replay_id), storable(event.event_id), storable(event.schema_id), event.sobject)
    if isinstance(event, UndecodableEvent):
        return (*known, *(None,) * 12, _bytes(event.payload), storable(event.reason))
    return (*known, *_decoded(event), None, None)


def _decoded(event: ChangeEvent) -> tuple[str | None, ...]:
    return (
        storable(event.transaction_key),
        str(event.sequence_number),
        event.commit_timestamp.isoformat(),
        str(event.commit_number),
        storable(event.commit_user),
        event.change_type.value,
        storable(event.change_origin),
        _array(event.record_ids),
        _names(event.changed_fields),
        _names(event.nulled_fields),
        _names(event.diff_fields),
        dumps_plain(event.values),
    )


def _bytes(value: bytes) -> str:
    return f"\\x{value.hex()}"


def _array(texts: tuple[str, ...]) -> str:
    """A literal of text[], where a backslash or a quote in a text is escaped."""
    escaped = (storable(item).replace("\\", "\\\\").replace('"', '\\"') for item in texts)
    return "{" + ",".join(f'"{item}"' for item in escaped) + "}"


_names = lru_cache(maxsize=4_096)(_array)
"""Names of fields come in few combinations, unlike ids."""
