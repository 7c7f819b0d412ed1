"""Verbs of loads that survive their process: attempts, chunks, REST intents, rows sent again.

Mixed into `verbs.Ledger`; what extracts share with loads is there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, and_, exists, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from sf_pipelines.ledger import tables
from sf_pipelines.ledger.engine import LedgerError, transaction
from sf_pipelines.ledger.failure_verbs import FailureVerbs
from sf_pipelines.ledger.jsonable import storable
from sf_pipelines.ledger.tables import UNFINISHED
from sf_pipelines.ledger.writing import end_attempt, insert_row, read_run, require_running
from sf_pipelines.model.outcome import FailureClass


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkPlan:
    """What will travel as one Bulk job or one REST call.

    Attributes:
        attempt: 1 for rows that are sent for the first time in their run.
        rail: rest, bulk, or none for rows that are refused before sending.
        first_row: rows of the file before those of this chunk.
        collection_rows: rows of one Collections request, None on the Bulk rail.
        is_after: whether it may only go when all chunks before it have ended.
    """

    chunk: int
    attempt: int
    rail: str
    rows: int
    bytes_raw: int
    payload_path: str
    first_row: int = 0
    collection_rows: int | None = None
    is_after: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignJob:
    """A finished ingest job of the org that no run of ours made."""

    job_id: str
    sobject: str
    operation: str
    created_by: str | None
    org_state: str
    records_processed: int
    records_failed: int


class LoadVerbs(FailureVerbs):
    """Verbs on one database."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def begin_attempt(self, run_id: UUID, *, dagster_run_id: str | None) -> int:
        """Take up an unfinished run, and give the number of this attempt.

        From here on every earlier process is refused before it changes the org. Hold the sync's lock.
        """
        runs, now = tables.sync_run, self._clock()
        with transaction(self._engine) as connection:
            run = read_run(connection, run_id, lock=True)
            if run.state not in UNFINISHED:
                raise LedgerError(f"Run {run_id} of {run.sync} is over ({run.state}): start a new one.")
            attempt = run.attempts + 1
            values = {"state": "running", "verdict_text": None, "attempts": attempt}
            connection.execute(update(runs).where(runs.c.id == run_id).values(values))
            insert_row(
                connection,
                tables.run_attempt,
                run_id=run_id,
                attempt=attempt,
                dagster_run_id=dagster_run_id,
                started_at=now,
            )
        return attempt

    def interrupt_run(
        self,
        run_id: UUID,
        *,
        error: str,
        api_calls: int,
        rail_failed: bool = False,
        attempt: int | None = None,
    ) -> None:
        """Let go of a run whose rows are under way: the next process of the sync takes it up.

        Args:
            rail_failed: whether the org or the way to it broke it off, which speaks against the rail.
        """
        table = tables.sync_run
        with transaction(self._engine) as connection:
            run = require_running(connection, run_id, attempt=attempt)
            values = {
                "state": "interrupted",
                "verdict_text": storable(error),
                "api_calls": table.c.api_calls + api_calls,
            }
            connection.execute(update(table).where(table.c.id == run_id).values(values))
            end_attempt(
                connection,
                run_id,
                run.attempts,
                self._clock(),
                error=storable(error),
                rail_failed=rail_failed or None,
            )

    def register_chunks(
        self,
        run_id: UUID,
        chunks: Sequence[ChunkPlan],
        *,
        org_time: datetime,
        unchanged: int = 0,
        payload_sum: str | None = None,
        attempt: int | None = None,
    ) -> None:
        """Keep what will be sent, before any of it is; until then nothing of the run can be in the org.

        Args:
            org_time: the org's clock now, from which on rows of this run can exist.
            unchanged: rows that are left out.
            payload_sum: what tells whether a later run has the same rows.
        """
        table = tables.sync_run
        with transaction(self._engine) as connection:
            require_running(connection, run_id, attempt=attempt)
            values = {"org_started_at": org_time, "unchanged": unchanged, "payload_sum": payload_sum}
            connection.execute(update(table).where(table.c.id == run_id).values(values))
            _insert_chunks(connection, run_id, chunks)

    def register_retry(
        self,
        run_id: UUID,
        chunks: Sequence[ChunkPlan],
        *,
        resend: Collection[FailureClass],
        attempt: int | None = None,
    ) -> None:
        """Keep what will be sent again, and mark the failed rows that it consists of.

        Args:
            chunks: all of one attempt n: every row of attempt n - 1 that failed by one of `resend`.
            attempt: of this process.
        """
        table = tables.failed_record
        sent_in = chunks[0].attempt
        with transaction(self._engine) as connection:
            require_running(connection, run_id, attempt=attempt)
            marked = connection.execute(
                update(table)
                .where(
                    table.c.run_id == run_id,
                    table.c.attempt == sent_in - 1,
                    table.c["class"].in_([item.value for item in resend]),
                    table.c.resent_in.is_(None),
                )
                .values(resent_in=sent_in, next_attempt_at=None)
            ).rowcount
            rows = sum(chunk.rows for chunk in chunks)
            if marked != rows:
                raise LedgerError(
                    f"Run {run_id} would send {rows:,} rows again, and {marked:,} wait for it: plan it anew."
                )
            _insert_chunks(connection, run_id, chunks)

    def record_request(self, run_id: UUID, *, chunk: int, attempt: int | None = None) -> UUID:
        """Open the journal of a REST write before the request is sent."""
        request = uuid4()
        with transaction(self._engine) as connection:
            require_running(connection, run_id, attempt=attempt)
            insert_row(
                connection,
                tables.rest_request,
                id=request,
                run_id=run_id,
                chunk=chunk,
                step="intent",
                intended_at=self._clock(),
            )
        return request

    def record_request_ended(
        self, request: UUID, step: str, *, request_id: str | None, error: str | None
    ) -> None:
        """A REST write has no answer to count: its outcome is `unknown`, or it was `refused` whole."""
        with transaction(self._engine) as connection:
            self.end_request(connection, request, step, request_id=request_id, error=error)

    def end_request(
        self,
        connection: Connection,
        request: UUID,
        step: str,
        *,
        request_id: str | None = None,
        error: str | None = None,
    ) -> None:
        """The same within a transaction that is under way."""
        table = tables.rest_request
        connection.execute(
            update(table)
            .where(table.c.id == request)
            .values(
                step=step,
                request_id=request_id,
                error_message=storable(error) if error else None,
                ended_at=self._clock(),
            )
        )

    def resolve_resent(self, run_id: UUID) -> int:
        """Mark the failed rows that a later attempt of their own run got through; gives how many."""
        old, again = tables.failed_record, tables.failed_record.alias("again")
        has_failed_again = exists(
            select(again.c.id).where(
                and_(
                    again.c.run_id == run_id,
                    again.c.attempt == old.c.resent_in,
                    again.c.source_key == old.c.source_key,
                    again.c.payload_hash == old.c.payload_hash,
                )
            )
        )
        with transaction(self._engine) as connection:
            return connection.execute(
                update(old)
                .where(old.c.run_id == run_id, old.c.resent_in.is_not(None), ~has_failed_again)
                .values(resolved_by=run_id)
            ).rowcount

    def record_foreign_jobs(self, jobs: Sequence[ForeignJob]) -> None:
        """Keep finished jobs that others made; one that is known stays as it is."""
        if not jobs:
            return
        now = self._clock()
        rows: list[dict[str, Any]] = [
            {name: getattr(job, name) for name in ForeignJob.__dataclass_fields__} | {"seen_at": now}
            for job in jobs
        ]
        with transaction(self._engine) as connection:
            connection.execute(upsert(tables.foreign_job).values(rows).on_conflict_do_nothing())


def _insert_chunks(connection: Connection, run_id: UUID, chunks: Sequence[ChunkPlan]) -> None:
    rows: list[dict[str, Any]] = [
        {name: getattr(chunk, name) for name in ChunkPlan.__dataclass_fields__} | {"run_id": run_id}
        for chunk in chunks
    ]
    if rows:
        connection.execute(insert(tables.load_chunk), rows)
