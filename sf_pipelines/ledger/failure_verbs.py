"""Verbs on failed records of earlier runs: they got through, or failed again and count only once.

Mixed into `verbs.Ledger`. How often and when a record is sent again is the policy's to say; it is asked here
once for each class and number of runs, not for each record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Update, and_, exists, select, update

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.tables import failed_record
from sf_pipelines.model.outcome import FailureClass

NextAttempt = Callable[[FailureClass, int], datetime | None]
"""When a record of a class is sent again that so many runs have sent; None for never."""


def is_open() -> ColumnElement[bool]:
    """Whether a failed record still stands for its key: nothing later is known of it."""
    table = failed_record
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
        old, new = failed_record, failed_record.alias("new")
        again = and_(new.c.run_id == run_id, new.c.source_key == old.c.source_key, new.c.resent_in.is_(None))
        with transaction(self._engine) as connection:
            before = select(old.c.run_attempt).where(
                and_(
                    old.c.sync == sync,
                    old.c.run_id != run_id,
                    is_open(),
                    old.c.source_key == new.c.source_key,
                )
            )
            counted = (
                update(new)
                .where(new.c.run_id == run_id, new.c.resent_in.is_(None), before.exists())
                .values(run_attempt=1 + before.order_by(old.c.id.desc()).limit(1).scalar_subquery())
            )
            connection.execute(counted)
            groups = connection.execute(
                select(old.c["class"], old.c.run_attempt)
                .where(old.c.run_id == run_id, old.c.run_attempt > 1, old.c["class"].is_not(None))
                .distinct()
            )
            for failure_class, runs in groups.all():
                connection.execute(
                    update(old)
                    .where(old.c.run_id == run_id, old.c["class"] == failure_class, old.c.run_attempt == runs)
                    .values(next_attempt_at=next_attempt(FailureClass(failure_class), runs))
                )
            superseded = _earlier(run_id, sync).where(exists(select(new.c.id).where(again)))
            return connection.execute(superseded.values(superseded_by=run_id, next_attempt_at=None)).rowcount

    def supersede_gone(self, run_id: UUID, sync: str) -> int:
        """Close what is open of earlier runs after a whole load: its source has those keys no more."""
        return self._change(_earlier(run_id, sync).values(superseded_by=run_id, next_attempt_at=None))

    def _change(self, statement: Update) -> int:
        with transaction(self._engine) as connection:
            return connection.execute(statement).rowcount


def _earlier(run_id: UUID, sync: str) -> Update:
    table = failed_record
    return update(table).where(table.c.sync == sync, table.c.run_id != run_id, is_open())
