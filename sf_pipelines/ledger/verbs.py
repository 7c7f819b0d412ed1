"""What happens to the ledger, as verbs. Each one is a transaction, done before the caller's next step.

The only writer of the tables. Reading is in `queries`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, Table, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from sf_pipelines.ledger import tables
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.jsonable import to_json
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.outcome import FailedRecord, OutcomeCounts, Verdict
from sf_pipelines.model.rail import Direction, Operation, Rail
from sf_pipelines.model.slice import Window

BATCH_ROWS = 1_000
"""Failed records per INSERT: bounds memory, keeps round trips few."""

STEPS = ("intent", "created", "uploaded", "closed", "counted", "results_stored")
"""A job's journal, forwards only; a query job goes from created to counted."""


def utc_now() -> datetime:
    """The ledger's clock; tests bring their own."""
    return datetime.now(UTC)


class Ledger:
    """Verbs on one database."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    def start_run(
        self,
        *,
        sync: str,
        sobject: str,
        direction: Direction,
        partition_key: str | None,
        dagster_run_id: str | None,
        window: Window | None = None,
    ) -> UUID:
        """Open a run; its id names it everywhere else."""
        run_id = uuid4()
        self._insert(
            tables.sync_run,
            id=run_id,
            sync=sync,
            sobject=sobject,
            direction=direction.value,
            partition_key=partition_key,
            dagster_run_id=dagster_run_id,
            window_start=window.start if window else None,
            window_end=window.end if window else None,
            state="running",
            started_at=self._clock(),
        )
        return run_id

    def record_decision(self, run_id: UUID, decision: Decision) -> UUID:
        """Keep a decision with all its inputs."""
        decision_id = uuid4()
        self._insert(
            tables.decision,
            id=decision_id,
            sync_run_id=run_id,
            action=decision.action.value,
            rail=decision.rail.value if decision.rail else None,
            forced=decision.forced,
            because=to_json(decision.because),
            rejected=to_json(decision.rejected),
            costs=to_json(decision.costs),
            inputs={"slice": to_json(decision.slice), "headroom": to_json(decision.headroom)},
            decided_at=decision.decided_at,
            defer_until=decision.defer_until,
        )
        return decision_id

    def record_intent(
        self,
        run_id: UUID,
        *,
        sobject: str,
        operation: Operation,
        chunk: int,
        rows: int,
        bytes_raw: int,
        payload_path: str | None,
    ) -> UUID:
        """Open the journal of a job before any call is made for it."""
        journal_id, now = uuid4(), self._clock()
        self._insert(
            tables.bulk_job,
            id=journal_id,
            sync_run_id=run_id,
            sobject=sobject,
            operation=operation.value,
            chunk=chunk,
            step="intent",
            rows=rows,
            bytes_raw=bytes_raw,
            payload_path=payload_path,
            intended_at=now,
            stepped_at=now,
        )
        return journal_id

    def record_created(self, journal_id: UUID, job_id: str) -> None:
        """The org has given the job an id."""
        self._step(journal_id, "created", job_id=job_id)

    def record_uploaded(self, journal_id: UUID) -> None:
        """The whole payload has been taken."""
        self._step(journal_id, "uploaded")

    def record_closed(self, journal_id: UUID) -> None:
        """The org may process rows from here on: the job is only ever read again."""
        self._step(journal_id, "closed")

    def record_counted(
        self,
        journal_id: UUID,
        *,
        state: str,
        records_processed: int,
        records_failed: int,
        processing_milliseconds: int,
        error_message: str | None,
    ) -> None:
        """The job is terminal, with the org's own counters."""
        self._step(
            journal_id,
            "counted",
            org_state=state,
            records_processed=records_processed,
            records_failed=records_failed,
            processing_milliseconds=processing_milliseconds,
            error_message=error_message,
        )

    def record_aborted(self, journal_id: UUID, reason: str) -> None:
        """The job was given up before it was closed.

        Raises:
            LedgerError: the job is closed already; its rows may be in the org.
        """
        with self._engine.begin() as connection:
            self._move(connection, journal_id, "aborted", allowed=("intent", "created", "uploaded"),
                       error_message=reason)  # fmt: skip

    def store_outcomes(
        self,
        run_id: UUID,
        *,
        chunk: int,
        rail: Rail,
        counts: OutcomeCounts,
        failed: Iterable[FailedRecord],
        journal_id: UUID | None = None,
    ) -> None:
        """Keep what became of a chunk, in one transaction; doing it again replaces and never doubles."""
        with self._engine.begin() as connection:
            sync = connection.execute(
                select(tables.sync_run.c.sync).where(tables.sync_run.c.id == run_id)
            ).scalar_one()
            self._replace_summary(connection, run_id, chunk, rail, counts)
            self._replace_failed(connection, run_id, sync, chunk, failed)
            if journal_id is not None:
                self._move(connection, journal_id, "results_stored", allowed=("counted", "results_stored"))

    def finish_run(self, run_id: UUID, *, verdict: Verdict, counts: OutcomeCounts, api_calls: int) -> None:
        """Close a run by its verdict; for an extract, submitted is what the org reported."""
        self._end(
            run_id,
            state=verdict.state.value,
            verdict_text=verdict.text,
            submitted=counts.submitted,
            succeeded=counts.succeeded,
            failed=counts.failed,
            unprocessed=counts.unprocessed,
            created=counts.created,
            api_calls=api_calls,
        )

    def fail_run(self, run_id: UUID, *, error: str) -> None:
        """Close a run that an error ended; what it stored before stays."""
        self._end(run_id, state="error", verdict_text=error)

    def _replace_summary(
        self, connection: Connection, run_id: UUID, chunk: int, rail: Rail, counts: OutcomeCounts
    ) -> None:
        values = {
            "rail": rail.value,
            "submitted": counts.submitted,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "unprocessed": counts.unprocessed,
            "created": counts.created,
            "errors": dict(counts.errors),
            "stored_at": self._clock(),
        }
        statement = upsert(tables.outcome_summary).values(sync_run_id=run_id, chunk=chunk, **values)
        connection.execute(statement.on_conflict_do_update(constraint="outcome_summary_pkey", set_=values))

    def _replace_failed(
        self, connection: Connection, run_id: UUID, sync: str, chunk: int, failed: Iterable[FailedRecord]
    ) -> None:
        table = tables.failed_record
        connection.execute(delete(table).where(table.c.sync_run_id == run_id, table.c.chunk == chunk))
        now = self._clock()
        rows = (_failed_row(record, run_id, sync, now) for record in failed)
        while batch := list(islice(rows, BATCH_ROWS)):
            connection.execute(insert(table), batch)

    def _step(self, journal_id: UUID, step: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            self._move(connection, journal_id, step, allowed=STEPS[: STEPS.index(step)], **values)

    def _move(
        self, connection: Connection, journal_id: UUID, step: str, *, allowed: Iterable[str], **values: Any
    ) -> None:
        table = tables.bulk_job
        moved = connection.execute(
            update(table)
            .where(table.c.id == journal_id, table.c.step.in_(list(allowed)))
            .values(step=step, stepped_at=self._clock(), **values)
        )
        if moved.rowcount != 1:
            at = connection.execute(select(table.c.step).where(table.c.id == journal_id)).scalar()
            raise LedgerError(f"Journal {journal_id} is at '{at}' and cannot go to '{step}'.")

    def _end(self, run_id: UUID, **values: Any) -> None:
        table = tables.sync_run
        with self._engine.begin() as connection:
            ended = connection.execute(
                update(table)
                .where(table.c.id == run_id, table.c.finished_at.is_(None))
                .values(finished_at=self._clock(), **values)
            )
            if ended.rowcount != 1:
                raise LedgerError(f"Run {run_id} is not running and cannot be ended.")

    def _insert(self, table: Table, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(insert(table).values(**values))


def _failed_row(record: FailedRecord, run_id: UUID, sync: str, now: datetime) -> dict[str, Any]:
    return {
        "sync_run_id": run_id,
        "sync": sync,
        "source_key": _storable(record.source_key),
        "payload_hash": record.payload_hash,
        "values": {name: _storable(value) for name, value in record.values.items()},
        "chunk": record.chunk,
        "job_id": record.job_id,
        "request_id": record.request_id,
        "state": record.state.value,
        "code": record.error.code,
        "message": _storable(record.error.message),
        "fields": list(record.error.fields),
        "failed_at": now,
    }


def _storable(text: str | None) -> str | None:
    """PostgreSQL text cannot hold NUL; its visible symbol stands in for it."""
    return text.replace("\x00", "\u2400") if text else text
