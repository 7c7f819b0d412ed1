"""What happens to the ledger, as verbs. Each one is a transaction, done before the caller's next step.

The only writer of the tables. Reading is in `queries`. Every verb raises LedgerError when the database
cannot be reached, when the run or the job is unknown, and when its turn is not now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, delete, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from sf_pipelines.ledger import tables
from sf_pipelines.ledger.copying import AcceptedRow, copy_failed_records, keep_accepted_rows
from sf_pipelines.ledger.engine import LedgerError, transaction
from sf_pipelines.ledger.jsonable import storable, to_json
from sf_pipelines.ledger.load_verbs import LoadVerbs
from sf_pipelines.ledger.writing import end_attempt, insert_row, read_run, require_running
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.outcome import FailedRecord, OutcomeCounts, Verdict
from sf_pipelines.model.rail import Direction, Operation, Rail
from sf_pipelines.model.slice import Window

_QUERIES = (Operation.QUERY.value, Operation.QUERY_ALL.value)

_INGEST_BEFORE = {
    "created": ("intent",),
    "uploaded": ("created",),
    "closed": ("uploaded",),
    "counted": ("closed", "counted"),  # a process that takes the job up counts again
    "results_stored": ("counted", "results_stored"),  # storing again replaces
    "aborted": ("intent", "created", "uploaded"),  # once closed, the org may have taken rows
}
"""For each step of an ingest job, the steps from which it can be reached."""

_QUERY_BEFORE = {
    "created": ("intent",),
    "counted": ("created",),
    "results_stored": ("counted", "results_stored"),
    "aborted": ("intent", "created", "counted"),  # its rows can be read again by another job
}
"""The same for a query job, which gets no rows and is never closed."""


def utc_now() -> datetime:
    """The ledger's clock; tests bring their own."""
    return datetime.now(UTC)


class Ledger(LoadVerbs):
    """Verbs on one database."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(engine, clock)

    def start_run(
        self,
        *,
        sync: str,
        sobject: str,
        direction: Direction,
        partition_key: str | None,
        dagster_run_id: str | None,
        window: Window | None = None,
        declaration: str | None = None,
        previous_run: UUID | None = None,
        scope: str = "all",
    ) -> UUID:
        """Open a run and its first attempt; its id names it everywhere else.

        Args:
            declaration: hash of the sync; see `begin_attempt`.
            previous_run: the run whose rows this one sends again.
            scope: of a load, which rows of its source it sends.
        """
        run_id, now = uuid4(), self._clock()
        with transaction(self._engine) as connection:
            insert_row(
                connection,
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
                started_at=now,
                declaration=declaration,
                previous_run=previous_run,
                scope=scope,
            )
            insert_row(
                connection,
                tables.run_attempt,
                run_id=run_id,
                attempt=1,
                dagster_run_id=dagster_run_id,
                started_at=now,
            )
        return run_id

    def record_decision(self, run_id: UUID, decision: Decision) -> UUID:
        """Keep a decision with all its inputs."""
        decision_id = uuid4()
        with transaction(self._engine) as connection:
            require_running(connection, run_id)
            insert_row(
                connection,
                tables.decision,
                id=decision_id,
                run_id=run_id,
                action=decision.action.value,
                rail=decision.rail.value if decision.rail else None,
                forced=decision.forced,
                because=to_json(decision.because),
                rejected=to_json(decision.rejected),
                costs=to_json(decision.costs),
                inputs=_inputs(decision),
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
        attempt: int | None = None,
    ) -> UUID:
        """Open the journal of a job before any call is made for it.

        A chunk has one job; it can have another only after the first was aborted.

        Args:
            attempt: of this process; refused where another process has taken the run up since.
        """
        journal_id, now = uuid4(), self._clock()
        try:
            with transaction(self._engine) as connection:
                require_running(connection, run_id, attempt=attempt)
                insert_row(
                    connection,
                    tables.bulk_job,
                    id=journal_id,
                    run_id=run_id,
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
        except IntegrityError as error:
            raise LedgerError(
                f"Chunk {chunk} of run {run_id} has a job already: take that up, or abort it first."
            ) from error
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
            error_message=storable(error_message) if error_message is not None else None,
        )

    def record_results_gone(self, journal_id: UUID, reason: str) -> None:
        """The org no longer has the job or its results: what it knew of the rows is lost."""
        self._step(journal_id, "counted", org_state="gone", error_message=storable(reason))

    def record_aborted(self, journal_id: UUID, reason: str) -> None:
        """The job was given up before it was closed, so none of its rows can be in the org."""
        self._step(journal_id, "aborted", error_message=storable(reason))

    def store_outcomes(
        self,
        run_id: UUID,
        *,
        chunk: int,
        rail: Rail,
        counts: OutcomeCounts,
        failed: Iterable[FailedRecord],
        journal_id: UUID | None = None,
        request: UUID | None = None,
        request_id: str | None = None,
        disagreements: Sequence[str] = (),
        accepted: Iterable[AcceptedRow] | None = None,
    ) -> None:
        """Keep what became of a chunk, in one transaction; doing it again replaces and never doubles.

        A run that has ended still takes outcomes: its jobs may be collected by a later process.

        Args:
            journal_id: the job that carried the chunk; or `request`, the journal of its REST write, with
                the `request_id` of the answer.
            disagreements: sentences about what contradicts the counted rows.
            accepted: rows that the org has taken, for loads that send only what has changed.
        """
        now = self._clock()
        with transaction(self._engine) as connection:
            sync = read_run(connection, run_id).sync
            # first, since the row lock of the summary makes two writers of one chunk wait for each other
            _replace_summary(connection, run_id, chunk, rail, counts, disagreements, now)
            table = tables.failed_record
            connection.execute(delete(table).where(table.c.run_id == run_id, table.c.chunk == chunk))
            copy_failed_records(connection, failed, run_id=run_id, sync=sync, failed_at=now)
            if accepted is not None:
                keep_accepted_rows(connection, accepted, run_id=run_id, sync=sync)
            if journal_id is not None:
                _move(connection, journal_id, "results_stored", now)
            if request is not None:
                self.end_request(connection, request, "stored", request_id=request_id)

    def finish_run(
        self,
        run_id: UUID,
        *,
        verdict: Verdict,
        counts: OutcomeCounts,
        api_calls: int,
        rail_failed: bool = False,
        attempt: int | None = None,
    ) -> None:
        """Close a run by its verdict; for an extract, submitted is what the org reported.

        Args:
            api_calls: of this attempt, added to those of earlier ones.
            rail_failed: whether the org left rows without looking at them, which speaks against the rail.
        """
        self._end(
            run_id,
            attempt,
            rail_failed,
            state=verdict.state.value,
            verdict_text=storable(verdict.text),
            submitted=counts.submitted,
            succeeded=counts.succeeded,
            failed=counts.failed,
            unprocessed=counts.unprocessed,
            created=counts.created,
            unchanged=counts.unchanged,
            api_calls=tables.sync_run.c.api_calls + api_calls,
        )

    def fail_run(self, run_id: UUID, *, error: str, rail_failed: bool = False) -> None:
        """Close a run that an error ended; what it stored before stays.

        Args:
            rail_failed: whether the org or the way to it broke it off, which speaks against the rail.
        """
        self._end(run_id, None, rail_failed or None, state="error", verdict_text=storable(error))

    def _step(self, journal_id: UUID, step: str, **values: Any) -> None:
        with transaction(self._engine) as connection:
            _move(connection, journal_id, step, self._clock(), **values)

    def _end(self, run_id: UUID, attempt: int | None, rail_failed: bool | None, **values: Any) -> None:
        table = tables.sync_run
        with transaction(self._engine) as connection:
            run = require_running(connection, run_id, attempt=attempt)
            now = self._clock()
            connection.execute(update(table).where(table.c.id == run_id).values(finished_at=now, **values))
            error = values["verdict_text"] if values["state"] == "error" else None
            end_attempt(connection, run_id, run.attempts, now, error=error, rail_failed=rail_failed)


def _inputs(decision: Decision) -> Any:
    """What was weighed, what was wrong with it, and the pace that came of it."""
    names = ("slice", "headroom", "remarks", "pace_calls_per_minute")
    return {name: to_json(getattr(decision, name)) for name in names}


def _replace_summary(
    connection: Connection,
    run_id: UUID,
    chunk: int,
    rail: Rail,
    counts: OutcomeCounts,
    disagreements: Sequence[str],
    now: datetime,
) -> None:
    values = {
        "rail": rail.value,
        "submitted": counts.submitted,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "unprocessed": counts.unprocessed,
        "created": counts.created,
        "accounted": counts.submitted == counts.accounted,
        "errors": to_json(counts.errors),
        "disagreements": to_json(disagreements),
        "stored_at": now,
    }
    table = tables.outcome_summary
    statement = upsert(table).values(run_id=run_id, chunk=chunk, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["run_id", "chunk"], set_=values))


def _move(connection: Connection, journal_id: UUID, step: str, now: datetime, **values: Any) -> None:
    """Take a job to its next step, or refuse."""
    table = tables.bulk_job
    job = connection.execute(
        select(table.c.step, table.c.operation).where(table.c.id == journal_id).with_for_update()
    ).one_or_none()
    if job is None:
        raise LedgerError(f"The ledger has no journal {journal_id}: record the intent first.")
    before = _QUERY_BEFORE if job.operation in _QUERIES else _INGEST_BEFORE
    if job.step not in before.get(step, ()):
        raise LedgerError(
            f"Journal {journal_id} ({job.operation}) stands at '{job.step}' and cannot go to '{step}': "
            "take the job up at the step where it stands."
        )
    connection.execute(
        update(table).where(table.c.id == journal_id).values(step=step, stepped_at=now, **values)
    )
