"""Loads that ended green although some of their rows did not reach the org."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, select

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.tables import sync_run
from sf_pipelines.model.outcome import VerdictState


@dataclass(frozen=True, kw_only=True, slots=True)
class PartlyFailedLoad:
    """A load whose rejected rows were within its tolerance."""

    run_id: UUID
    sync: str
    partition_key: str | None
    dagster_run_id: str | None
    verdict_text: str
    rows_rejected: int

    @property
    def name(self) -> str:
        """Sync and partition."""
        return f"{self.sync} of {self.partition_key}" if self.partition_key else self.sync


def partly_failed_loads(engine: Engine, since: datetime) -> list[PartlyFailedLoad]:
    """Those that ended after `since`, the oldest first.

    Raises:
        LedgerError: the database cannot be reached.
    """
    run = sync_run.c
    statement = (
        select(
            run.id.label("run_id"),
            run.sync,
            run.partition_key,
            run.dagster_run_id,
            run.verdict_text,
            (run.failed + run.unprocessed).label("rows_rejected"),
        )
        .where(
            run.direction == "load",
            run.state == VerdictState.REJECTS_WITHIN_TOLERANCE.value,
            run.finished_at > since,
        )
        .order_by(run.finished_at, run.id)
    )
    with transaction(engine) as connection:
        return [PartlyFailedLoad(**row) for row in connection.execute(statement).mappings()]
