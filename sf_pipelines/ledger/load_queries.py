"""What a process has to know to take up a load where it stands; totals of a load from its chunks.

Every query raises LedgerError when the database cannot be reached.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, LargeBinary, and_, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.failure_verbs import is_open
from sf_pipelines.ledger.load_verbs import ChunkPlan
from sf_pipelines.ledger.tables import (
    UNFINISHED,
    accepted_row,
    bulk_job,
    failed_record,
    foreign_job,
    load_chunk,
    outcome_summary,
    rest_request,
    run_attempt,
    sync_run,
)
from sf_pipelines.model.outcome import FailureClass, OutcomeCounts, OutcomeState

FETCH_ROWS = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class UnfinishedRun:
    """A load that a process works on, or that the next one takes up.

    Attributes:
        attempts: processes that have worked on it.
        chunks: 0 where nothing of it can be in the org.
    """

    run_id: UUID
    sync: str
    sobject: str
    partition_key: str | None
    state: str
    attempts: int
    scope: str
    declaration: str | None
    org_started_at: datetime | None
    started_at: datetime
    chunks: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunkState:
    """A chunk and how far it has come.

    Attributes:
        has_outcome: whether its rows are counted: nothing is left to do.
        journal_id, job_id, step: of its newest ingest job, all None without one.
        request_step: of its newest REST write; an intent is an unknown outcome, since its process is gone.
    """

    plan: ChunkPlan
    has_outcome: bool
    journal_id: UUID | None
    job_id: str | None
    step: str | None
    intended_at: datetime | None
    request_step: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadTotals:
    """A load over all its chunks and attempts: rows sent again count as what became of them at last."""

    counts: OutcomeCounts
    disagreements: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedLoad:
    """A load that came to a verdict."""

    run_id: UUID
    state: str
    verdict_text: str
    declaration: str | None
    payload_sum: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunAttempt:
    """One process that worked on a run; without an end it was killed or is at work."""

    attempt: int
    dagster_run_id: str | None
    started_at: datetime
    ended_at: datetime | None
    error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryRow:
    """A failed record as it is sent again."""

    source_key: str
    payload_hash: str
    values: dict[str, str | None]


def unfinished_loads(
    engine: Engine, *, sync: str | None = None, partition_key: str | None = None, any_partition: bool = True
) -> list[UnfinishedRun]:
    """Loads that have not come to their end, the oldest first.

    Args:
        partition_key: looked at only where `any_partition` is false; None is the run without a partition.
    """
    chunks = (
        select(func.count()).select_from(load_chunk).where(load_chunk.c.run_id == sync_run.c.id)
    ).scalar_subquery()
    names = [name for name in UnfinishedRun.__dataclass_fields__ if name not in ("run_id", "chunks")]
    statement = (
        select(sync_run.c.id.label("run_id"), *(sync_run.c[name] for name in names), chunks.label("chunks"))
        .where(sync_run.c.state.in_(UNFINISHED), sync_run.c.direction == "load")
        .order_by(sync_run.c.started_at, sync_run.c.id)
    )
    if sync is not None:
        statement = statement.where(sync_run.c.sync == sync)
    if not any_partition:
        statement = statement.where(sync_run.c.partition_key.is_not_distinct_from(partition_key))
    with transaction(engine) as connection:
        return [UnfinishedRun(**row) for row in connection.execute(statement).mappings()]


def attempts_of_run(engine: Engine, run_id: UUID) -> list[RunAttempt]:
    """Every process that worked on a run, the first one first."""
    columns = [run_attempt.c[name] for name in RunAttempt.__dataclass_fields__]
    statement = select(*columns).where(run_attempt.c.run_id == run_id).order_by(run_attempt.c.attempt)
    with transaction(engine) as connection:
        return [RunAttempt(**row) for row in connection.execute(statement).mappings()]


def chunks_of_run(engine: Engine, run_id: UUID, *, attempt: int | None = None) -> list[ChunkState]:
    """Chunks of a load in their order, all or those of one attempt."""
    job = (
        select(bulk_job.c.id, bulk_job.c.job_id, bulk_job.c.step, bulk_job.c.intended_at)
        .where(and_(bulk_job.c.run_id == load_chunk.c.run_id, bulk_job.c.chunk == load_chunk.c.chunk))
        .order_by(bulk_job.c.intended_at.desc(), (bulk_job.c.step == "aborted"))
        .limit(1)
        .lateral("job")
    )
    request = (
        select(rest_request.c.step.label("request_step"))
        .where(and_(rest_request.c.run_id == load_chunk.c.run_id, rest_request.c.chunk == load_chunk.c.chunk))
        .order_by(rest_request.c.intended_at.desc())
        .limit(1)
        .lateral("request")
    )
    of_chunk = and_(
        outcome_summary.c.run_id == load_chunk.c.run_id, outcome_summary.c.chunk == load_chunk.c.chunk
    )
    statement = (
        select(
            *(load_chunk.c[name] for name in ChunkPlan.__dataclass_fields__),
            outcome_summary.c.stored_at,
            job.c.id.label("journal_id"),
            job.c.job_id,
            job.c.step,
            job.c.intended_at,
            request.c.request_step,
        )
        .outerjoin_from(load_chunk, outcome_summary, of_chunk)
        .outerjoin(job, true())
        .outerjoin(request, true())
        .where(load_chunk.c.run_id == run_id)
        .order_by(load_chunk.c.chunk)
    )
    if attempt is not None:
        statement = statement.where(load_chunk.c.attempt == attempt)
    with transaction(engine) as connection:
        return [_chunk_state(row) for row in connection.execute(statement).mappings()]


def load_totals(engine: Engine, run_id: UUID) -> LoadTotals:
    """What became of every row of a load, as far as its chunks have come."""
    outcomes = outcome_summary
    summed = [func.coalesce(func.sum(outcomes.c[name]), 0).label(name) for name in _COUNTED]
    of_first = func.sum(outcomes.c.submitted).filter(load_chunk.c.attempt == 1)
    of_chunk = and_(load_chunk.c.run_id == outcomes.c.run_id, load_chunk.c.chunk == outcomes.c.chunk)
    again = (
        select(failed_record.c.state, failed_record.c.code, func.count().label("rows"))
        .where(failed_record.c.run_id == run_id, failed_record.c.resent_in.is_not(None))
        .group_by(failed_record.c.state, failed_record.c.code)
    )
    sentences = aggregate_order_by(outcomes.c.disagreements, outcomes.c.chunk)
    statement = (
        select(
            *summed,
            func.coalesce(of_first, 0).label("submitted"),
            func.jsonb_agg(outcomes.c.errors).label("errors"),
            func.jsonb_agg(sentences).label("disagreements"),
        )
        .join_from(outcomes, load_chunk, of_chunk)
        .where(outcomes.c.run_id == run_id)
    )
    with transaction(engine) as connection:
        row = connection.execute(statement).one()
        resent = connection.execute(again).all()
        unchanged = connection.execute(
            select(sync_run.c.unchanged).where(sync_run.c.id == run_id)
        ).scalar_one()
    return _totals(row, resent, unchanged)


def rows_to_resend(
    engine: Engine, run_id: UUID, *, attempt: int, classes: Collection[FailureClass]
) -> Iterator[list[RetryRow]]:
    """Failed records of one attempt whose class lets them be sent again, streamed in the order of storing."""
    table = failed_record
    statement = (
        select(table.c.source_key, table.c.payload_hash, table.c["values"])
        .where(
            table.c.run_id == run_id,
            table.c.attempt == attempt,
            table.c["class"].in_([item.value for item in classes]),
            table.c.resent_in.is_(None),
        )
        .order_by(table.c.id)
        .execution_options(yield_per=FETCH_ROWS)
    )
    with transaction(engine) as connection:
        for rows in connection.execute(statement).partitions(FETCH_ROWS):
            yield [RetryRow(source_key=row[0], payload_hash=row[1], values=row[2]) for row in rows]


def accepted_digests(engine: Engine, sync: str, key_digests: Sequence[bytes]) -> dict[bytes, bytes]:
    """Digest of the row that the org last accepted for each key, for the keys that have one."""
    table = accepted_row
    wanted = (
        func.unnest(literal(list(key_digests), _BYTES)).table_valued("digest", name="wanted").render_derived()
    )
    statement = select(table.c.key_digest, table.c.payload_digest).join_from(
        table, wanted, and_(table.c.sync == sync, table.c.key_digest == wanted.c.digest)
    )
    with transaction(engine) as connection:
        rows = connection.execute(statement).all()
    return {bytes(key): bytes(payload) for key, payload in rows}


def unresolved_keys(engine: Engine, sync: str, *, run_id: UUID, limit: int) -> list[str]:
    """Keys of failed records of earlier runs of a sync that no run has got through since."""
    table = failed_record
    statement = (
        select(table.c.source_key)
        .where(table.c.sync == sync, table.c.run_id != run_id, is_open())
        .distinct()
        .limit(limit)
    )
    with transaction(engine) as connection:
        return list(connection.execute(statement).scalars())


def failed_keys(engine: Engine, run_id: UUID) -> set[str]:
    """Keys of the rows that a run did not get through in the end."""
    table = failed_record
    statement = select(table.c.source_key).where(table.c.run_id == run_id, table.c.resent_in.is_(None))
    with transaction(engine) as connection:
        return set(connection.execute(statement).scalars())


def last_finished_load(engine: Engine, *, sync: str, partition_key: str | None) -> FinishedLoad | None:
    """The newest load of a sync and partition that sent rows and came to a verdict."""
    runs = sync_run
    statement = (
        select(
            runs.c.id.label("run_id"),
            *(runs.c[name] for name in ("state", "verdict_text", "declaration", "payload_sum")),
        )
        .where(
            runs.c.sync == sync,
            runs.c.partition_key.is_not_distinct_from(partition_key),
            runs.c.direction == "load",
            runs.c.state.not_in((*UNFINISHED, "error")),
            runs.c.submitted > 0,
        )
        .order_by(runs.c.started_at.desc())
        .limit(1)
    )
    with transaction(engine) as connection:
        row = connection.execute(statement).mappings().one_or_none()
    return FinishedLoad(**row) if row is not None else None


def bulk_rows_since(engine: Engine, since: datetime) -> int:
    """Rows that our ingest jobs have handed to the org since then."""
    jobs = bulk_job
    statement = select(func.coalesce(func.sum(jobs.c.rows), 0)).where(
        jobs.c.operation.in_(("insert", "update", "upsert", "delete")),
        jobs.c.step.in_(("closed", "counted", "results_stored")),
        jobs.c.intended_at >= since,
    )
    with transaction(engine) as connection:
        return int(connection.execute(statement).scalar_one())


def known_jobs(engine: Engine, job_ids: Collection[str]) -> set[str]:
    """Which of these jobs of the org the ledger knows, ours and foreign ones."""
    with transaction(engine) as connection:
        ours = connection.execute(select(bulk_job.c.job_id).where(bulk_job.c.job_id.in_(job_ids)))
        others = connection.execute(select(foreign_job.c.job_id).where(foreign_job.c.job_id.in_(job_ids)))
        return {job_id for job_id in (*ours.scalars(), *others.scalars()) if job_id}


_BYTES = ARRAY(LargeBinary)
_COUNTED = ("succeeded", "failed", "unprocessed", "created")


def _chunk_state(row: Any) -> ChunkState:
    names = ("journal_id", "job_id", "step", "intended_at", "request_step")
    return ChunkState(
        plan=ChunkPlan(**{name: row[name] for name in ChunkPlan.__dataclass_fields__}),
        has_outcome=row["stored_at"] is not None,
        **{name: row[name] for name in names},
    )


def _totals(row: Any, resent: Sequence[Any], unchanged: int) -> LoadTotals:
    errors: dict[str, int] = {}
    for chunk in row.errors or ():
        for code, rows in chunk.items():
            errors[code] = errors.get(code, 0) + rows
    for again in resent:
        errors[again.code] = errors.get(again.code, 0) - again.rows
    left = {
        state: int(getattr(row, state)) - sum(again.rows for again in resent if again.state == state)
        for state in (OutcomeState.FAILED, OutcomeState.UNPROCESSED)
    }
    counts = OutcomeCounts(
        submitted=int(row.submitted),
        succeeded=int(row.succeeded),
        failed=left[OutcomeState.FAILED],
        unprocessed=left[OutcomeState.UNPROCESSED],
        created=int(row.created),
        unchanged=unchanged,
        errors={code: rows for code, rows in errors.items() if rows},
    )
    told = [sentence for chunk in row.disagreements or () for sentence in chunk]
    return LoadTotals(counts=counts, disagreements=tuple(told))
