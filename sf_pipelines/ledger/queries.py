"""What is read from the ledger: frozen rows for people, sensors and the UI.

Every query raises LedgerError when the database cannot be reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, func, select, true

from sf_pipelines.ledger.engine import LedgerError, transaction
from sf_pipelines.ledger.tables import bulk_job, decision, failed_record, outcome_summary, sync_run
from sf_pipelines.model.outcome import VerdictState
from sf_pipelines.model.rail import Operation


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """One run with its decision and its counts.

    Attributes:
        state: running, error, or the state of the verdict.
        rail, because: of its latest decision, None and empty before there is one.
        errors: error code to rows, summed over chunks.
        unchanged: rows that were left out, since the org holds them as they are.
    """

    run_id: UUID
    sync: str
    sobject: str
    direction: str
    partition_key: str | None
    dagster_run_id: str | None
    state: str
    verdict_text: str
    rail: str | None
    because: str
    submitted: int
    succeeded: int
    failed: int
    unprocessed: int
    api_calls: int
    errors: Mapping[str, int]
    started_at: datetime
    finished_at: datetime | None
    unchanged: int = 0

    @property
    def is_green(self) -> bool:
        """Whether it came to a verdict by which its partition may be shown as materialized."""
        return self.state in {state.value for state in VerdictState if state.is_green}


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorCount:
    """Rows that a run did not get through, by code; the samples are of the first such row."""

    code: str
    failure_class: str | None
    message_sample: str
    rows: int
    source_key_sample: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedRecordRow:
    """One failed record as stored.

    Attributes:
        values: the row as sent, field to text.
        attempt: 1 for the first time that the row was sent.
        failure_class: None until the failure is classified.
        resolved_by: the later run that got the row through.
    """

    run_id: UUID
    sync: str
    source_key: str
    payload_hash: str
    values: Mapping[str, str | None]
    chunk: int
    job_id: str | None
    request_id: str | None
    attempt: int
    state: str
    code: str
    message: str
    fields: Sequence[str]
    failure_class: str | None
    failed_at: datetime
    next_attempt_at: datetime | None
    resolved_by: UUID | None


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalRow:
    """One job of the journal.

    Attributes:
        id: its journal id; job_id: its id in the org, None until created.
        step: where it stands, see `tables.STEPS`.
    """

    id: UUID
    run_id: UUID
    sobject: str
    operation: str
    chunk: int
    job_id: str | None
    step: str
    rows: int
    bytes_raw: int
    payload_path: str | None
    org_state: str | None
    error_message: str | None
    intended_at: datetime
    stepped_at: datetime


def run_summary(engine: Engine, run_id: UUID) -> RunSummary:
    """One run.

    Raises:
        LedgerError: there is none of that id.
    """
    with transaction(engine) as connection:
        row = connection.execute(_runs().where(sync_run.c.id == run_id)).one_or_none()
    if row is None:
        raise LedgerError(f"The ledger has no run {run_id}: look at the recent runs for its id.")
    return _summary(row)


def recent_runs(engine: Engine, *, sync: str | None, limit: int) -> list[RunSummary]:
    """The newest runs first, of one sync or of all."""
    statement = _runs().order_by(sync_run.c.started_at.desc(), sync_run.c.id).limit(limit)
    if sync is not None:
        statement = statement.where(sync_run.c.sync == sync)
    with transaction(engine) as connection:
        return [_summary(row) for row in connection.execute(statement)]


def error_counts(engine: Engine, run_id: UUID) -> list[ErrorCount]:
    """Error codes of the rows that a run did not get through in the end, exact, the most frequent first."""
    of_code = (
        select(func.count().label("rows"), func.min(failed_record.c.id).label("first_id"))
        .where(failed_record.c.run_id == run_id, failed_record.c.resent_in.is_(None))
        .group_by(failed_record.c.code)
        .subquery()
    )
    statement = (
        select(
            failed_record.c.code,
            failed_record.c["class"].label("failure_class"),
            failed_record.c.message.label("message_sample"),
            of_code.c.rows,
            failed_record.c.source_key.label("source_key_sample"),
        )
        .join_from(of_code, failed_record, failed_record.c.id == of_code.c.first_id)
        .order_by(of_code.c.rows.desc(), failed_record.c.code)
    )
    with transaction(engine) as connection:
        return [ErrorCount(**row) for row in connection.execute(statement).mappings()]


def failed_records(
    engine: Engine,
    *,
    run_id: UUID | None = None,
    sync: str | None = None,
    code: str | None = None,
    limit: int = 20,
) -> list[FailedRecordRow]:
    """The newest failed records that match every given filter."""
    table = failed_record
    names = {name: name for name in FailedRecordRow.__dataclass_fields__} | {"failure_class": "class"}
    columns = [table.c[column].label(name) for name, column in names.items()]
    statement = select(*columns).order_by(table.c.id.desc()).limit(limit)
    for column, wanted in ((table.c.run_id, run_id), (table.c.sync, sync), (table.c.code, code)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    with transaction(engine) as connection:
        return [FailedRecordRow(**row) for row in connection.execute(statement).mappings()]


def failed_values(engine: Engine, run_id: UUID, chunk: int) -> list[dict[str, str | None]]:
    """The rows of one chunk that the org did not take, as they were sent."""
    statement = select(failed_record.c["values"]).where(
        failed_record.c.run_id == run_id, failed_record.c.chunk == chunk
    )
    with transaction(engine) as connection:
        return list(connection.execute(statement).scalars())


def unfinished_jobs(engine: Engine) -> list[JournalRow]:
    """Jobs that a process has to take up, the oldest first.

    A query job has no outcomes to store: it is done when it is counted.
    """
    is_query = bulk_job.c.operation.in_((Operation.QUERY.value, Operation.QUERY_ALL.value))
    return _jobs(
        engine,
        bulk_job.c.step.not_in(("results_stored", "aborted")) & ~and_(is_query, bulk_job.c.step == "counted"),
    )


def jobs_of_run(engine: Engine, run_id: UUID) -> list[JournalRow]:
    """The journal of a run, aborted jobs included, in the order of their intents."""
    return _jobs(engine, bulk_job.c.run_id == run_id)


def _jobs(engine: Engine, which: ColumnElement[bool]) -> list[JournalRow]:
    columns = [bulk_job.c[name] for name in JournalRow.__dataclass_fields__]
    order = (bulk_job.c.intended_at, bulk_job.c.chunk, bulk_job.c.id)
    with transaction(engine) as connection:
        rows = connection.execute(select(*columns).where(which).order_by(*order)).mappings()
        return [JournalRow(**row) for row in rows]


def _runs() -> Select[Any]:
    latest = (
        select(decision.c.rail, decision.c.because)
        .where(decision.c.run_id == sync_run.c.id)
        .order_by(decision.c.decided_at.desc(), decision.c.id)
        .limit(1)
        .lateral("latest")
    )
    errors = (
        select(func.jsonb_agg(outcome_summary.c.errors))
        .where(outcome_summary.c.run_id == sync_run.c.id)
        .scalar_subquery()
    )
    columns = (sync_run, latest.c.rail, latest.c.because, errors.label("chunk_errors"))
    return select(*columns).outerjoin_from(sync_run, latest, true())


def _summary(row: Row[Any]) -> RunSummary:
    errors: dict[str, int] = {}
    for chunk in row.chunk_errors or ():
        for code, rows in chunk.items():
            errors[code] = errors.get(code, 0) + rows
    return RunSummary(
        run_id=row.id,
        sync=row.sync,
        sobject=row.sobject,
        direction=row.direction,
        partition_key=row.partition_key,
        dagster_run_id=row.dagster_run_id,
        state=row.state,
        verdict_text=row.verdict_text or "",
        rail=row.rail,
        because=" ".join(reason["text"] for reason in row.because or ()),
        submitted=row.submitted,
        succeeded=row.succeeded,
        failed=row.failed,
        unprocessed=row.unprocessed,
        api_calls=row.api_calls,
        errors=errors,
        unchanged=row.unchanged,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
