"""Verbs on failed records of earlier runs: they got through, or failed again and count only once.

Mixed into `verbs.Ledger`. How often and when a record is sent again is the policy's to say; it is asked here
once for each class and number of runs, not for each record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Update, and_, exists, select, update

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.tables import failed_record
from sf_pipelines.model.outcome import FailureClass

NextAttempt = Callable[[FailureClass, int], datetime | None]
"""When a record of a class is sent again that so many runs have sent; None for never."""


def is_open(table: FromClause = failed_record) -> ColumnElement[bool]:
    """Whether a failed record still stands for its key: nothing later is known of it."""
    return and_(table.c.resolved_by.is_(None), table.c.superseded_by.is_(None), table.c.resent_in.is_(None))


class FailureVerbs:
    """Verbs on one database."""

    _engine: Engine

    def resolve_failed(self, run_id: UUID, sync: str, source_keys: Collection[str]) -> int:
        """Mark failed records of earlier runs of a sync whose keys this run got through; gives how many."""
        values = {"resolved_by": run_id, "next_attempt_at": None}
        of_key = failed_record.c.source_key.in_(source_keys)
        return self._change(_earlier(run_id, sync).where(of_key).values(values))

    def supersede_failed(self, run_id: UUID, sync: str, *, next_attempt: NextAttempt) -> int:
        """Let the records of this run stand for those of the same keys in earlier runs; gives how many."""
        new = failed_record.alias("new")
        of_key = and_(new.c.run_id == run_id, new.c.source_key == failed_record.c.source_key)
        failed_again = exists(select(new.c.id).where(of_key, new.c.resent_in.is_(None)))
        values = {"superseded_by": run_id, "next_attempt_at": None}
        with transaction(self._engine) as connection:
            _count_runs(connection, run_id, sync)
            _plan_next_attempts(connection, run_id, next_attempt)
            return connection.execute(_earlier(run_id, sync).where(failed_again).values(values)).rowcount

    def supersede_gone(self, run_id: UUID, sync: str) -> int:
        """Close what is open of earlier runs after a whole load: its source has those keys no more."""
        return self._change(_earlier(run_id, sync).values(superseded_by=run_id, next_attempt_at=None))

    def _change(self, statement: Update) -> int:
        with transaction(self._engine) as connection:
            return connection.execute(statement).rowcount


def _earlier(run_id: UUID, sync: str) -> Update:
    table = failed_record
    return update(table).where(table.c.sync == sync, table.c.run_id != run_id, is_open())


def _count_runs(connection: Connection, run_id: UUID, sync: str) -> None:
    """One more than the newest open record of the same key says."""
    new, old = failed_record, failed_record.alias("old")
    before = (
        select(old.c.run_attempt)
        .where(old.c.sync == sync, old.c.source_key == new.c.source_key, old.c.run_id != run_id, is_open(old))
        .correlate(new)
    )
    connection.execute(
        update(new)
        .where(new.c.run_id == run_id, new.c.resent_in.is_(None), before.exists())
        .values(run_attempt=1 + before.order_by(old.c.id.desc()).limit(1).scalar_subquery())
    )


def _plan_next_attempts(connection: Connection, run_id: UUID, next_attempt: NextAttempt) -> None:
    table = failed_record
    again = and_(table.c.run_id == run_id, table.c.run_attempt > 1, table.c["class"].is_not(None))
    groups = connection.execute(select(table.c["class"], table.c.run_attempt).where(again).distinct()).all()
    for failure_class, runs in groups:
        when = next_attempt(FailureClass(failure_class), runs)
        of_group = and_(again, table.c["class"] == failure_class, table.c.run_attempt == runs)
        connection.execute(update(table).where(of_group).values(next_attempt_at=when))
