"""What is read from the ledger: frozen rows for people, sensors and the UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, Select, func, select

from sf_pipelines.ledger.tables import bulk_job, decision, failed_record, outcome_summary, sync_run


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """One run with its decision and its counts.

    Attributes:
        state: running, error, or the state of the verdict.
        rail, because: of its decision, None and empty before there is one.
        errors: error code to rows, summed over chunks.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorCount:
    """Rows that the org refused with one code, and one of them as a sample."""

    code: str
    rows: int
    message_sample: str
    source_key_sample: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedRecordRow:
    """One failed record as stored."""

    sync_run_id: UUID
    sync: str
    source_key: str
    payload_hash: str
    values: Mapping[str, str | None]
    chunk: int
    job_id: str | None
    request_id: str | None
    state: str
    code: str
    message: str
    fields: Sequence[str]
    failed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalRow:
    """One job of the journal."""

    id: UUID
    sync_run_id: UUID
    sobject: str
    operation: str
    chunk: int
    job_id: str | None
    step: str
    rows: int
    payload_path: str | None
    org_state: str | None


def run_summary(engine: Engine, run_id: UUID) -> RunSummary:
    """One run; raises sqlalchemy.exc.NoResultFound where there is none of that id."""
    with engine.connect() as connection:
        return _summary(connection.execute(_runs().where(sync_run.c.id == run_id)).one())


def recent_runs(engine: Engine, *, sync: str | None, limit: int) -> list[RunSummary]:
    """The newest runs first, of one sync or of all."""
    statement = _runs().order_by(sync_run.c.started_at.desc()).limit(limit)
    if sync is not None:
        statement = statement.where(sync_run.c.sync == sync)
    with engine.connect() as connection:
        return [_summary(row) for row in connection.execute(statement)]


def error_counts(engine: Engine, run_id: UUID) -> list[ErrorCount]:
    """Error codes of a run with exact counts, the most frequent first."""
    statement = (
        select(
            failed_record.c.code,
            func.count().label("rows"),
            func.min(failed_record.c.message).label("message_sample"),
            func.min(failed_record.c.source_key).label("source_key_sample"),
        )
        .where(failed_record.c.sync_run_id == run_id)
        .group_by(failed_record.c.code)
        .order_by(func.count().desc(), failed_record.c.code)
    )
    with engine.connect() as connection:
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
    columns = [column for column in table.c if column.name not in ("id", "attempt")]
    statement = select(*columns).order_by(table.c.id.desc()).limit(limit)
    for column, wanted in ((table.c.sync_run_id, run_id), (table.c.sync, sync), (table.c.code, code)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    with engine.connect() as connection:
        return [FailedRecordRow(**row) for row in connection.execute(statement).mappings()]


def jobs_of_run(engine: Engine, run_id: UUID) -> list[JournalRow]:
    """The journal of a run, in the order of its chunks."""
    names = [field for field in JournalRow.__dataclass_fields__]
    statement = (
        select(*(bulk_job.c[name] for name in names))
        .where(bulk_job.c.sync_run_id == run_id)
        .order_by(bulk_job.c.chunk)
    )
    with engine.connect() as connection:
        return [JournalRow(**row) for row in connection.execute(statement).mappings()]


def _runs() -> Select[Any]:
    errors = func.jsonb_agg(outcome_summary.c.errors)
    summed = (
        select(errors).where(outcome_summary.c.sync_run_id == sync_run.c.id).correlate(sync_run)
    ).scalar_subquery()
    return select(sync_run, decision.c.rail, decision.c.because, summed.label("chunk_errors")).outerjoin_from(
        sync_run, decision, decision.c.sync_run_id == sync_run.c.id
    )


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
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
