"""Verbs on gaps: opened by whoever finds changes missing, closed by a repair with its proof.

Mixed into `change_verbs.ChangeLedger`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, func, insert, or_, select, update

from sf_pipelines.ledger.change_tables import gap as gap_table
from sf_pipelines.ledger.engine import LedgerError, transaction
from sf_pipelines.ledger.jsonable import storable
from sf_pipelines.model.gap import Gap, GapProof, RepairState
from sf_pipelines.policy.gap_union import united

MAX_IDS_OF_A_GAP = 10_000
"""A gap with so many records gets no more: further ones open a gap of their own."""


class GapVerbs:
    """Verbs on one database."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def open_gap(self, gap: Gap) -> UUID:
        """Keep a gap, or widen one of the same cause that nobody repairs yet; gives the id of that gap."""
        with transaction(self._engine) as connection:
            return put_gap(connection, gap, now=self._clock())

    def divide_gap(self, gap_id: UUID, sobjects: Sequence[str]) -> list[UUID]:
        """Make a gap of every object of a channel into one gap for each of these objects.

        Raises:
            LedgerError: the gap is unknown, or names an object already.
        """
        if not sobjects:
            raise LedgerError(f"Gap {gap_id} cannot be divided among no objects: name them.")
        with transaction(self._engine) as connection:
            row = _require_open(connection, gap_id)
            if row.sobject is not None:
                raise LedgerError(f"Gap {gap_id} is one of {row.sobject}: only a whole channel's is divided.")
            connection.execute(update(gap_table).where(gap_table.c.id == gap_id).values(sobject=sobjects[0]))
            ids = [uuid4() for _ in sobjects[1:]]
            for other_id, sobject in zip(ids, sobjects[1:], strict=True):
                values = dict(row._mapping) | {"id": other_id, "sobject": sobject}
                connection.execute(insert(gap_table).values(values))
        return [gap_id, *ids]

    def record_repair(self, gap_id: UUID, *, run_id: UUID | None) -> int:
        """Note that a repair begins, and give its number; hold the object's lock.

        Also takes over a repair whose process died.

        Raises:
            LedgerError: the gap is unknown or closed.
        """
        with transaction(self._engine) as connection:
            attempt: int = _require_open(connection, gap_id).repair_attempts + 1
            _change(
                connection,
                gap_id,
                repair_state=RepairState.REPAIRING.value,
                repair_attempts=attempt,
                run_id=run_id,
                repair_started_at=self._clock(),
                repair_error=None,
            )
        return attempt

    def record_repair_failure(self, gap_id: UUID, error: str) -> None:
        """Note why a repair gave up; the gap is open again.

        Raises:
            LedgerError: the gap is unknown or closed.
        """
        with transaction(self._engine) as connection:
            _require_open(connection, gap_id)
            _change(connection, gap_id, repair_state=RepairState.OPEN.value, repair_error=storable(error))

    def close_gap(self, gap_id: UUID, proof: GapProof) -> None:
        """End a gap whose repair is proven.

        Raises:
            LedgerError: the gap is unknown, closed, or not being repaired.
        """
        with transaction(self._engine) as connection:
            row = _require_open(connection, gap_id)
            if row.repair_state != RepairState.REPAIRING:
                raise LedgerError(f"Gap {gap_id} is not being repaired: record its repair before its end.")
            _change(
                connection,
                gap_id,
                repair_state=RepairState.CLOSED.value,
                closed_at=self._clock(),
                to_timestamp=func.coalesce(gap_table.c.to_timestamp, row.repair_started_at),
                **asdict(proof),
            )


def put_gap(connection: Connection, gap: Gap, *, now: datetime) -> UUID:
    """Open or widen a gap within the connection's transaction."""
    known = _widenable(connection, gap)
    if known is not None:
        _change(connection, known.id, **_widened(known, gap))
        return known.id
    gap_id = uuid4()
    connection.execute(insert(gap_table).values(**_values(gap), id=gap_id, opened_at=now))
    return gap_id


def has_whole_gap(connection: Connection, sobject: str) -> bool:
    """Whether a gap is open whose repair reads every record of an object."""
    table = gap_table.c
    return (
        connection.execute(
            select(gap_table.c.id)
            .where(
                table.closed_at.is_(None),
                or_(table.sobject == sobject, table.sobject.is_(None)),
                table.record_ids.is_(None),
                table.from_timestamp.is_(None),
            )
            .limit(1)
        ).first()
        is not None
    )


def _widenable(connection: Connection, gap: Gap) -> Any:
    """An open gap like this one that no repair has begun on, locked; a repair's coverage never grows."""
    table = gap_table.c
    has_ids = table.record_ids.is_not(None) if gap.record_ids is not None else table.record_ids.is_(None)
    return connection.execute(
        select(gap_table)
        .where(
            table.channel == gap.channel,
            table.sobject.is_not_distinct_from(gap.sobject),
            table.cause == gap.cause.value,
            table.repair_state == RepairState.OPEN.value,
            has_ids,
            func.coalesce(func.cardinality(table.record_ids), 0) < MAX_IDS_OF_A_GAP,
        )
        .limit(1)
        .with_for_update()
    ).one_or_none()


def _widened(known: Any, gap: Gap) -> dict[str, Any]:
    before = replace(
        gap,
        from_timestamp=known.from_timestamp,
        to_timestamp=known.to_timestamp,
        record_ids=None if known.record_ids is None else tuple(known.record_ids),
    )
    return _values(united(before, gap))


def _values(gap: Gap) -> dict[str, Any]:
    ids = None if gap.record_ids is None else [storable(item) for item in gap.record_ids]
    return asdict(gap) | {"detail": storable(gap.detail), "cause": gap.cause.value, "record_ids": ids}


def _require_open(connection: Connection, gap_id: UUID) -> Any:
    row = connection.execute(
        select(gap_table).where(gap_table.c.id == gap_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise LedgerError(f"The ledger has no gap {gap_id}: look at the open ones.")
    if row.closed_at is not None:
        raise LedgerError(f"Gap {gap_id} of {row.sobject or row.channel} was closed at {row.closed_at}.")
    return row


def _change(connection: Connection, gap_id: UUID, **values: Any) -> None:
    connection.execute(update(gap_table).where(gap_table.c.id == gap_id).values(**values))
