"""Change events, positions and gaps as merge, repair and people look for them.

Every query that takes an engine raises LedgerError when the database cannot be reached; those that take a
connection belong into a transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Engine, Select, and_, exists, func, or_, select

from sf_pipelines.ledger.change_tables import change_event, event_schema, gap, replay_position, stream_start
from sf_pipelines.ledger.engine import LedgerError, transaction
from sf_pipelines.model.change import ReplayPosition


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelState:
    """A channel and where it stands.

    Attributes:
        position: None before the first answer, and while a start that was chosen has not been answered.
        last_commit_timestamp: also of a position that was given up.
        updated_at: when the stream last told where it stands.
    """

    channel: str
    holder: str | None
    position: ReplayPosition | None
    last_commit_timestamp: datetime | None
    updated_at: datetime | None
    held_since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingChange:
    """One stored event that is not merged yet; see `model.change.ChangeEvent` for its parts."""

    id: int
    channel: str
    replay_id: bytes
    schema_id: str
    sobject: str
    transaction_key: str
    sequence_number: int
    commit_timestamp: datetime
    commit_number: int
    commit_user: str
    change_type: str
    change_origin: str
    record_ids: list[str]
    changed_fields: list[str]
    nulled_fields: list[str]
    diff_fields: list[str]
    values: Mapping[str, Any]
    stored_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class GapRow:
    """A gap and the state of its repair; see `model.gap` for its parts."""

    id: UUID
    channel: str
    sobject: str | None
    cause: str
    detail: str
    from_timestamp: datetime | None
    to_timestamp: datetime | None
    record_ids: list[str] | None
    opened_at: datetime
    repair_state: str
    repair_attempts: int
    run_id: UUID | None
    repair_started_at: datetime | None
    repair_error: str | None
    org_rows: int | None
    rows_before: int | None
    rows_after: int | None
    rows_repaired: int | None
    rows_deleted: int | None
    closed_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamStart:
    """One time that a stream began elsewhere than at its stored position."""

    channel: str
    start_from: str
    reason: str
    chosen_by: str
    refused_replay_id: bytes | None
    chosen_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeCount:
    """Events of one object: all that are stored, those not merged yet, and the newest commit."""

    sobject: str
    events: int
    pending: int
    newest_commit_timestamp: datetime


def read_channel(connection: Connection, channel: str) -> ChannelState:
    """Where a channel stands.

    Raises:
        LedgerError: no subscriber ever held it.
    """
    found = _channels(connection, channel)
    if not found:
        raise LedgerError(f"The ledger has no channel {channel}: start 'sf-pipelines subscribe' for it.")
    return found[0]


def channel_states(engine: Engine) -> list[ChannelState]:
    """All channels that were ever held, by name."""
    with transaction(engine) as connection:
        return _channels(connection, None)


def pending_changes(connection: Connection, sobject: str, *, limit: int) -> list[PendingChange]:
    """Events to merge into an object's table, in the order of the stream; see `due_changes`."""
    statement = due_changes(connection, sobject, _columns(change_event, PendingChange), limit=limit)
    ordered = statement.order_by(change_event.c.id)
    return [PendingChange(**row) for row in connection.execute(ordered).mappings()]


def due_changes(
    connection: Connection, sobject: str, columns: Sequence[Column[Any]], *, limit: int
) -> Select[Any]:
    """The query for events to merge into an object's table.

    Only whole transactions: one that is still being stored is left out, and one that the limit would cut
    comes whole, which makes the list longer. Events that could not be read are never among them.
    """
    table, statement = change_event.c, _waiting(sobject, columns)
    last = connection.execute(
        _waiting(sobject, (table.id, table.channel, table.transaction_key))
        .order_by(table.id)
        .offset(limit - 1)
        .limit(1)
    ).one_or_none()
    if last is None:
        return statement
    of_last = and_(table.channel == last.channel, table.transaction_key == last.transaction_key)
    return statement.where(or_(table.id <= last.id, of_last))


def open_gaps(engine: Engine, *, sobject: str | None = None) -> list[GapRow]:
    """Gaps that are not closed, the oldest first.

    Args:
        sobject: only those that concern the object, also as one of all objects of a channel.
    """
    statement = select(*_columns(gap, GapRow)).where(gap.c.closed_at.is_(None)).order_by(gap.c.opened_at)
    if sobject is not None:
        statement = statement.where(or_(gap.c.sobject == sobject, gap.c.sobject.is_(None)))
    with transaction(engine) as connection:
        return [GapRow(**row) for row in connection.execute(statement).mappings()]


def gap_history(engine: Engine, *, sobject: str | None = None, limit: int = 100) -> list[GapRow]:
    """Gaps, closed ones too, the newest first."""
    statement = select(*_columns(gap, GapRow)).order_by(gap.c.opened_at.desc()).limit(limit)
    if sobject is not None:
        statement = statement.where(or_(gap.c.sobject == sobject, gap.c.sobject.is_(None)))
    with transaction(engine) as connection:
        return [GapRow(**row) for row in connection.execute(statement).mappings()]


def stream_starts(engine: Engine, *, channel: str | None = None) -> list[StreamStart]:
    """Where streams began and why, the newest first."""
    statement = select(*_columns(stream_start, StreamStart)).order_by(stream_start.c.id.desc())
    if channel is not None:
        statement = statement.where(stream_start.c.channel == channel)
    with transaction(engine) as connection:
        return [StreamStart(**row) for row in connection.execute(statement).mappings()]


def change_counts(engine: Engine) -> list[ChangeCount]:
    """Events that are stored, by object."""
    table = change_event
    statement = (
        select(
            table.c.sobject,
            func.count().label("events"),
            func.count().filter(table.c.applied_at.is_(None)).label("pending"),
            func.max(table.c.commit_timestamp).label("newest_commit_timestamp"),
        )
        .where(table.c.change_type.is_not(None))
        .group_by(table.c.sobject)
        .order_by(table.c.sobject)
    )
    with transaction(engine) as connection:
        return [ChangeCount(**row) for row in connection.execute(statement).mappings()]


def stored_schema(engine: Engine, schema_id: str) -> str | None:
    """An Avro schema as JSON text, None where no event of it was ever read."""
    statement = select(event_schema.c.schema_json).where(event_schema.c.schema_id == schema_id)
    with transaction(engine) as connection:
        return connection.execute(statement).scalar_one_or_none()


def schema_of(connection: Connection, schema_id: str) -> str:
    """An Avro schema as JSON text.

    Raises:
        LedgerError: the ledger does not hold it.
    """
    statement = select(event_schema.c.schema_json).where(event_schema.c.schema_id == schema_id)
    found = connection.execute(statement).scalar_one_or_none()
    if found is None:
        raise LedgerError(
            f"The ledger has events of schema {schema_id} and not the schema itself: keep it by keep_schema."
        )
    return found


def _waiting(sobject: str, columns: Sequence[Column[Any]]) -> Select[Any]:
    """Readable events of an object that are not merged, and whose transaction is stored whole."""
    table, position = change_event, replay_position
    is_partial = exists(
        select(position.c.channel).where(
            position.c.channel == table.c.channel, position.c.open_transaction == table.c.transaction_key
        )
    )
    return select(*columns).where(
        table.c.sobject == sobject,
        table.c.applied_at.is_(None),
        table.c.change_type.is_not(None),
        ~is_partial,
    )


def _channels(connection: Connection, channel: str | None) -> list[ChannelState]:
    statement = select(replay_position).order_by(replay_position.c.channel)
    if channel is not None:
        statement = statement.where(replay_position.c.channel == channel)
    return [_state(row) for row in connection.execute(statement)]


def _state(row: Any) -> ChannelState:
    position = None
    if row.replay_id is not None:
        position = ReplayPosition(
            replay_id=bytes(row.replay_id),
            last_commit_timestamp=row.last_commit_timestamp,
            open_transaction=row.open_transaction,
        )
    return ChannelState(
        channel=row.channel,
        holder=row.holder,
        position=position,
        last_commit_timestamp=row.last_commit_timestamp,
        updated_at=row.updated_at,
        held_since=row.held_since,
    )


def _columns(table: Any, row: type) -> list[Any]:
    return [table.c[name] for name in row.__dataclass_fields__]
