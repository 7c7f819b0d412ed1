"""Work that the policy put off: kept until a later run of the same sync and partition sends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, insert, text, update

from sf_pipelines.ledger.decisions import slice_from_json
from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.jsonable import storable, to_json
from sf_pipelines.ledger.quota_tables import deferral
from sf_pipelines.ledger.verbs import utc_now
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.slice import Slice

_PENDING = text(
    """
    SELECT newest.*, (
        SELECT count(*) FROM ledger.sync_run AS run
        WHERE run.sync = newest.sync AND run.partition_key IS NOT DISTINCT FROM newest.partition_key
    ) AS attempts
    FROM (
        SELECT DISTINCT ON (sync, partition_key) * FROM ledger.deferral
        ORDER BY sync, partition_key, deferred_at DESC
    ) AS newest
    WHERE NOT EXISTS (
        SELECT FROM ledger.sync_run AS later
        JOIN ledger.sync_run AS deferred ON deferred.id = newest.run_id
        WHERE later.sync = newest.sync AND later.partition_key IS NOT DISTINCT FROM newest.partition_key
          AND later.started_at > deferred.started_at
    )
    ORDER BY newest.deferred_at, newest.sync
    """
)
"""The newest deferral of each sync and partition that no later run has taken up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deferral:
    """Work that waits.

    Attributes:
        attempts: runs of this sync and partition so far, the deferred ones included.
        released_at: when the forecast let it go; None while it waits for `defer_until`.
    """

    run_id: UUID
    partition_key: str | None
    slice: Slice
    defer_until: datetime
    sentence: str
    released_at: datetime | None
    attempts: int


def record_deferral(
    engine: Engine,
    run_id: UUID,
    decision: Decision,
    partition_key: str | None,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Keep work that was put off; the decision has a time to ask again."""
    statement = insert(deferral).values(
        run_id=run_id,
        sync=decision.slice.sync,
        partition_key=partition_key,
        defer_until=decision.defer_until,
        sentence=storable(" ".join(reason.text for reason in decision.because)),
        slice=to_json(decision.slice),
        deferred_at=clock(),
    )
    with transaction(engine) as connection:
        connection.execute(statement)


def pending_deferrals(engine: Engine) -> list[Deferral]:
    """Work that still waits, the oldest first."""
    with transaction(engine) as connection:
        return [
            Deferral(
                run_id=row.run_id,
                partition_key=row.partition_key,
                slice=slice_from_json(row.slice),
                defer_until=row.defer_until,
                sentence=row.sentence,
                released_at=row.released_at,
                attempts=row.attempts,
            )
            for row in connection.execute(_PENDING)
        ]


def release(engine: Engine, run_id: UUID, *, clock: Callable[[], datetime] = utc_now) -> None:
    """Let deferred work go before its time: the forecast has room now."""
    table = deferral
    statement = update(table).where(table.c.run_id == run_id, table.c.released_at.is_(None))
    with transaction(engine) as connection:
        connection.execute(statement.values(released_at=clock()))
