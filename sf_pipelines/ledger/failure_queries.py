"""Failed records as people look for them: which are open, why, and the life of one of them.

Every query raises LedgerError when the database cannot be reached. What a process needs to take up a load is
in `load_queries`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, RowMapping, and_, exists, func, or_, select

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.failure_verbs import is_open
from sf_pipelines.ledger.queries import FailedRecordRow
from sf_pipelines.ledger.tables import UNFINISHED, bulk_job, failed_record, rest_request, sync_run
from sf_pipelines.model.outcome import FailureClass, VerdictState

FETCH_ROWS = 1_000

_GREEN = tuple(state.value for state in VerdictState if state.is_green)


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureFilter:
    """Which failed records; None lets every value through.

    Attributes:
        is_open: True for rows of whose key nothing later is known, False for those that a run got through.
    """

    sync: str | None = None
    run_id: UUID | None = None
    code: str | None = None
    failure_class: FailureClass | None = None
    source_key: str | None = None
    is_open: bool | None = True

    def conditions(self) -> list[ColumnElement[bool]]:
        """The filter as SQL; a row that its own run sent again stands for its last attempt only."""
        table = failed_record
        wanted = (
            (table.c.sync, self.sync),
            (table.c.run_id, self.run_id),
            (table.c.code, self.code),
            (table.c["class"], self.failure_class.value if self.failure_class else None),
            (table.c.source_key, self.source_key),
        )
        conditions = [column == value for column, value in wanted if value is not None]
        if self.is_open is True:
            conditions.append(is_open())
        elif self.is_open is False:
            conditions.append(table.c.resolved_by.is_not(None))
        return conditions


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureCount:
    """Failed records of one sync with one code, exact; the samples are of the newest of them.

    Attributes:
        rows_waiting: those that are sent again by themselves.
        waits_for: the earliest time of that, None where a person has to act.
    """

    sync: str
    code: str
    failure_class: str | None
    rows: int
    rows_waiting: int
    waits_for: datetime | None
    newest_at: datetime
    sample_key: str
    sample_message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RedLoad:
    """A partition of a load whose newest run did not end green."""

    run_id: UUID
    sync: str
    partition_key: str | None
    state: str
    verdict_text: str | None
    dagster_run_id: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A failed record as the decision to send it again sees it."""

    source_key: str
    payload_hash: str
    failure_class: str | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RowsLeft:
    """Rows that a load submitted when it was sent whole, and those of them that are still open."""

    submitted: int
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LifeStep:
    """One time that a record was sent and did not reach the org, with all that carried it.

    Attributes:
        step: where its job or request stands in the journal; carrier: their rail, `bulk` or `rest`.
        resolved_state, resolved_at: of the run that got the row through, None while there is none.
    """

    record: FailedRecordRow
    sobject: str
    partition_key: str | None
    dagster_run_id: str | None
    run_state: str
    run_started_at: datetime
    carrier: str
    step: str | None
    resent_in: int | None
    superseded_by: UUID | None
    resolved_state: str | None
    resolved_at: datetime | None


def stream_failures(
    engine: Engine, which: FailureFilter, *, limit: int | None
) -> Generator[FailedRecordRow, None, None]:
    """Failed records, the newest first, fetched as they are read; close it where not all are read."""
    statement = (
        select(*_record_columns())
        .where(*which.conditions())
        .order_by(failed_record.c.id.desc())
        .limit(limit)
        .execution_options(yield_per=FETCH_ROWS)
    )
    with transaction(engine) as connection:
        for row in connection.execute(statement).mappings():
            yield FailedRecordRow(**row)


def count_failures(engine: Engine, which: FailureFilter) -> list[FailureCount]:
    """How many records failed by sync and code, the most frequent first."""
    table = failed_record
    group = (table.c.sync, table.c.code, table.c["class"])
    of_group = (
        select(
            *group,
            func.count().label("rows"),
            func.count(table.c.next_attempt_at).label("rows_waiting"),
            func.min(table.c.next_attempt_at).label("waits_for"),
            func.max(table.c.failed_at).label("newest_at"),
            func.max(table.c.id).label("newest_id"),
        )
        .where(*which.conditions())
        .group_by(*group)
        .subquery()
    )
    statement = (
        select(
            of_group.c.sync,
            of_group.c.code,
            of_group.c["class"].label("failure_class"),
            of_group.c.rows,
            of_group.c.rows_waiting,
            of_group.c.waits_for,
            of_group.c.newest_at,
            table.c.source_key.label("sample_key"),
            table.c.message.label("sample_message"),
        )
        .join_from(of_group, table, table.c.id == of_group.c.newest_id)
        .order_by(of_group.c.rows.desc(), of_group.c.sync, of_group.c.code)
    )
    with transaction(engine) as connection:
        return [FailureCount(**row) for row in connection.execute(statement).mappings()]


def red_loads(engine: Engine) -> list[RedLoad]:
    """Partitions whose newest load ended red and still matters, the newest first.

    It matters while records of it are open, or no later load of the sync, of whatever partition, ended green.
    """
    newest = (
        select(sync_run)
        .where(sync_run.c.direction == "load", sync_run.c.state.not_in(UNFINISHED))
        .distinct(sync_run.c.sync, sync_run.c.partition_key)
        .order_by(sync_run.c.sync, sync_run.c.partition_key, sync_run.c.started_at.desc())
        .subquery()
    )
    later = sync_run.alias("later")
    is_made_good = exists(
        select(later.c.id).where(
            later.c.sync == newest.c.sync,
            later.c.started_at > newest.c.started_at,
            later.c.state.in_(_GREEN),
        )
    )
    has_open_records = exists(
        select(failed_record.c.id).where(failed_record.c.run_id == newest.c.id, is_open())
    )
    names = [name for name in RedLoad.__dataclass_fields__ if name != "run_id"]
    statement = (
        select(newest.c.id.label("run_id"), *(newest.c[name] for name in names))
        .where(newest.c.state.not_in(_GREEN), or_(has_open_records, ~is_made_good))
        .order_by(newest.c.started_at.desc())
    )
    with transaction(engine) as connection:
        return [RedLoad(**row) for row in connection.execute(statement).mappings()]


def open_records(engine: Engine, sync: str) -> list[OpenRecord]:
    """What is open of a sync, as far as a decision to send it again needs it."""
    table = failed_record
    statement = select(
        table.c.source_key, table.c.payload_hash, table.c["class"], table.c.next_attempt_at
    ).where(table.c.sync == sync, is_open())
    with transaction(engine) as connection:
        return [OpenRecord(*row) for row in connection.execute(statement)]


def partitions_to_resend(engine: Engine, sync: str) -> list[str | None]:
    """Partitions with open records of a sync, those of the newest records first."""
    newest = func.max(failed_record.c.id)
    statement = (
        select(sync_run.c.partition_key)
        .join_from(failed_record, sync_run, failed_record.c.run_id == sync_run.c.id)
        .where(failed_record.c.sync == sync, is_open())
        .group_by(sync_run.c.partition_key)
        .order_by(newest.desc())
    )
    with transaction(engine) as connection:
        return list(connection.execute(statement).scalars())


def load_runs(engine: Engine, *, sync: str, partition_key: str | None) -> int:
    """How many runs a load of a partition has had."""
    of_partition = sync_run.c.partition_key.is_not_distinct_from(partition_key)
    statement = select(func.count()).where(sync_run.c.sync == sync, of_partition)
    with transaction(engine) as connection:
        return connection.execute(statement).scalar_one()


def rows_left(engine: Engine, run_id: UUID) -> RowsLeft:
    """What is open of a load that was sent whole before, and in part by this run."""
    runs, earlier = sync_run, sync_run.alias("earlier")
    newest = select(runs.c.id, runs.c.previous_run).where(runs.c.id == run_id).cte("chain", recursive=True)
    step = earlier.c.id == newest.c.previous_run
    chain = newest.union(select(earlier.c.id, earlier.c.previous_run).join_from(newest, earlier, step))
    of_chain = failed_record.c.run_id.in_(select(chain.c.id))
    first = select(sync_run.c.submitted).where(
        sync_run.c.id.in_(select(chain.c.id).where(chain.c.previous_run.is_(None)))
    )
    with transaction(engine) as connection:
        rows = connection.execute(select(func.count()).where(of_chain, is_open())).scalar_one()
        return RowsLeft(submitted=connection.execute(first).scalar_one(), rows=rows)


def life_of_record(engine: Engine, source_key: str, *, sync: str | None = None) -> list[LifeStep]:
    """Every time that a record failed, the first time first; empty for one that never did."""
    resolver = sync_run.alias("resolver")
    record = failed_record
    statement = (
        select(
            *_record_columns(),
            sync_run.c.sobject,
            sync_run.c.partition_key,
            sync_run.c.dagster_run_id,
            sync_run.c.state.label("run_state"),
            sync_run.c.started_at.label("run_started_at"),
            record.c.resent_in,
            record.c.superseded_by,
            func.coalesce(_job_step(), _request_step()).label("step"),
            resolver.c.state.label("resolved_state"),
            resolver.c.finished_at.label("resolved_at"),
        )
        .join_from(record, sync_run, record.c.run_id == sync_run.c.id)
        .outerjoin(resolver, record.c.resolved_by == resolver.c.id)
        .where(*FailureFilter(source_key=source_key, sync=sync, is_open=None).conditions())
        .order_by(record.c.id)
    )
    with transaction(engine) as connection:
        return [_life_step(row) for row in connection.execute(statement).mappings()]


def keys_like(engine: Engine, text: str, *, limit: int) -> list[str]:
    """Keys of failed records that hold a text, for a person who mistyped one."""
    table = failed_record
    statement = (
        select(table.c.source_key)
        .where(table.c.source_key.icontains(text, autoescape=True))
        .distinct()
        .order_by(table.c.source_key)
        .limit(limit)
    )
    with transaction(engine) as connection:
        return list(connection.execute(statement).scalars())


def previous_run(engine: Engine, run_id: UUID) -> str | None:
    """Dagster run of the run of the same sync and partition before this one, None where there is none."""
    this, earlier = sync_run.alias("this"), sync_run.alias("earlier")
    statement = (
        select(earlier.c.dagster_run_id)
        .join_from(
            this,
            earlier,
            and_(
                earlier.c.sync == this.c.sync,
                earlier.c.partition_key.is_not_distinct_from(this.c.partition_key),
                earlier.c.started_at < this.c.started_at,
            ),
        )
        .where(
            this.c.id == run_id,
            earlier.c.dagster_run_id.is_not(None),
            or_(this.c.dagster_run_id.is_(None), earlier.c.dagster_run_id != this.c.dagster_run_id),
        )
        .order_by(earlier.c.started_at.desc())
        .limit(1)
    )
    with transaction(engine) as connection:
        return connection.execute(statement).scalar()


def _record_columns() -> list[ColumnElement[Any]]:
    names = {name: name for name in FailedRecordRow.__dataclass_fields__} | {"failure_class": "class"}
    return [failed_record.c[column].label(name) for name, column in names.items()]


def _job_step() -> ColumnElement[str]:
    of_record = and_(
        bulk_job.c.run_id == failed_record.c.run_id,
        bulk_job.c.chunk == failed_record.c.chunk,
        bulk_job.c.job_id == failed_record.c.job_id,
    )
    return select(bulk_job.c.step).where(of_record).limit(1).scalar_subquery()


def _request_step() -> ColumnElement[str]:
    of_record = and_(
        rest_request.c.run_id == failed_record.c.run_id,
        rest_request.c.chunk == failed_record.c.chunk,
        failed_record.c.job_id.is_(None),
    )
    newest = rest_request.c.intended_at.desc()
    return select(rest_request.c.step).where(of_record).order_by(newest).limit(1).scalar_subquery()


def _life_step(row: RowMapping) -> LifeStep:
    record = FailedRecordRow(**{name: row[name] for name in FailedRecordRow.__dataclass_fields__})
    own: Sequence[str] = (
        *("sobject", "partition_key", "dagster_run_id", "run_state", "run_started_at"),
        *("step", "resent_in", "superseded_by", "resolved_state", "resolved_at"),
    )
    return LifeStep(
        record=record,
        carrier="bulk" if record.job_id else "rest",
        **{name: row[name] for name in own},
    )
