"""Figures of change events for whoever watches them: cheap to ask for every minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from sf_pipelines.ledger.change_tables import change_event
from sf_pipelines.ledger.engine import transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingEvents:
    """Events of an object that are stored and not merged.

    Attributes:
        newest_id: id in the ledger.
    """

    events: int
    oldest_commit: datetime
    newest_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredEvents:
    """What was stored behind an event: how many events of each object, and the newest of all."""

    by_sobject: Mapping[str, int]
    newest_id: int


def pending_events(engine: Engine) -> dict[str, PendingEvents]:
    """Readable events that wait for a merge, by object; objects without any are left out.

    Raises:
        LedgerError: the database cannot be reached.
    """
    table = change_event.c
    statement = (
        select(table.sobject, func.count(), func.min(table.commit_timestamp), func.max(table.id))
        .where(table.applied_at.is_(None), table.change_type.is_not(None))
        .group_by(table.sobject)
    )
    with transaction(engine) as connection:
        return {
            row[0]: PendingEvents(events=row[1], oldest_commit=row[2], newest_id=row[3])
            for row in connection.execute(statement)
        }


def stored_behind(engine: Engine, event_id: int | None) -> StoredEvents:
    """What was stored after an event; None tells only where the ledger stands.

    Raises:
        LedgerError: the database cannot be reached.
    """
    table = change_event.c
    with transaction(engine) as connection:
        newest = connection.execute(select(func.coalesce(func.max(table.id), 0))).scalar_one()
        if event_id is None:
            return StoredEvents(by_sobject={}, newest_id=newest)
        counted = (
            select(table.sobject, func.count())
            .where(table.id > event_id, table.id <= newest, table.sobject.is_not(None))
            .group_by(table.sobject)
        )
        found = {row[0]: row[1] for row in connection.execute(counted)}
        return StoredEvents(by_sobject=found, newest_id=newest)
