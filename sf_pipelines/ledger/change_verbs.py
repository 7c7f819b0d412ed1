"""What happens to the ledger while a stream of changes is stored, as verbs.

A channel has one holder at a time. It stores events, gaps and the position in one transaction, which fails
where another has taken the channel since: an advisory lock alone ends with its connection, and its holder
would not know. Every verb raises LedgerError when the database cannot be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from sf_pipelines.config.change_settings import StartFrom
from sf_pipelines.ledger.change_copying import copy_events
from sf_pipelines.ledger.change_queries import ChannelState, read_channel
from sf_pipelines.ledger.change_tables import change_event, event_schema, replay_position, stream_start
from sf_pipelines.ledger.engine import LedgerError, transaction
from sf_pipelines.ledger.gap_verbs import GapVerbs, put_gap
from sf_pipelines.ledger.jsonable import storable
from sf_pipelines.ledger.verbs import utc_now
from sf_pipelines.model.change import ReplayPosition, StreamedEvent
from sf_pipelines.model.gap import Gap
from sf_pipelines.policy.gap_union import combined


class ChannelTakenError(LedgerError):
    """Another subscriber holds the channel now; nothing of this one's was stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredBatch:
    """What one transaction added: events that were known already are not counted."""

    events: int
    gaps: int


class ChangeLedger(GapVerbs):
    """Verbs on one database."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(engine, clock)

    def take_channel(self, channel: str, holder: str) -> ChannelState:
        """Become the holder, and learn where the stream stands; hold the channel's lock."""
        now = self._clock()
        with transaction(self._engine) as connection:
            statement = upsert(replay_position).values(channel=channel, holder=holder, held_since=now)
            held = {"holder": holder, "held_since": now}
            connection.execute(statement.on_conflict_do_update(index_elements=["channel"], set_=held))
            return read_channel(connection, channel)

    def store_change_batch(
        self,
        channel: str,
        events: Sequence[StreamedEvent],
        position: ReplayPosition,
        *,
        holder: str,
        gaps: Iterable[Gap] = (),
    ) -> StoredBatch:
        """Store events, the gaps that come with them, and how far the channel is then: all or nothing.

        Events that the channel has stored before are left out, and so are the gaps that they opened.

        Args:
            events: in the order of the stream; none where only a keepalive moved the position.

        Raises:
            ChannelTakenError: the channel has another holder.
        """
        now = self._clock()
        with transaction(self._engine) as connection:
            self._move(connection, channel, position, holder, now)
            new = copy_events(connection, channel, events, stored_at=now) if events else set()
            new_ids = {replay_id for replay_id, _ in new}
            opened = combined(gap for gap in gaps if gap.replay_id is None or gap.replay_id in new_ids)
            for gap in opened:
                put_gap(connection, gap, now=now)
        return StoredBatch(events=len(new), gaps=len(opened))

    def record_start(
        self, channel: str, start_from: StartFrom, *, holder: str, reason: str, gaps: Iterable[Gap] = ()
    ) -> None:
        """Give up the stored position, if there is one, for an explicit choice, together with its gaps.

        Raises:
            ChannelTakenError: the channel has another holder.
        """
        now = self._clock()
        with transaction(self._engine) as connection:
            before = read_channel(connection, channel)
            connection.execute(
                insert(stream_start).values(
                    channel=channel,
                    start_from=start_from.value,
                    reason=storable(reason),
                    chosen_by=holder,
                    refused_replay_id=before.position.replay_id if before.position else None,
                    chosen_at=now,
                )
            )
            self._move(connection, channel, None, holder, now)
            for gap in gaps:
                put_gap(connection, gap, now=now)

    def keep_schema(self, schema_id: str, schema_json: str) -> None:
        """Keep an Avro schema; one that is known stays as it is."""
        values = {"schema_id": schema_id, "schema_json": schema_json, "seen_at": self._clock()}
        with transaction(self._engine) as connection:
            connection.execute(upsert(event_schema).values(values).on_conflict_do_nothing())

    def forget_applied(self, before: datetime) -> int:
        """Delete events that were merged before a time; gives how many."""
        table = change_event
        with transaction(self._engine) as connection:
            return connection.execute(delete(table).where(table.c.applied_at < before)).rowcount

    @staticmethod
    def _move(
        connection: Connection, channel: str, position: ReplayPosition | None, holder: str, now: datetime
    ) -> None:
        table = replay_position
        moved = connection.execute(
            update(table)
            .where(table.c.channel == channel, table.c.holder == holder)
            .values(
                replay_id=position.replay_id if position else None,
                last_commit_timestamp=position.last_commit_timestamp
                if position
                else table.c.last_commit_timestamp,
                open_transaction=position.open_transaction if position else None,
                updated_at=now if position else table.c.updated_at,
            )
        )
        if moved.rowcount != 1:
            raise ChannelTakenError(
                f"{channel} is held by another subscriber now: this one stored nothing of what it read last."
            )


def mark_applied(connection: Connection, event_ids: Sequence[int], *, applied_at: datetime) -> int:
    """Note that events are merged, within the transaction that merges them; gives how many were not yet.

    Args:
        event_ids: ids of the ledger, as `pending_changes` gives them.
    """
    table = change_event
    return connection.execute(
        update(table)
        .where(table.c.id.in_(event_ids), table.c.applied_at.is_(None))
        .values(applied_at=applied_at)
    ).rowcount
