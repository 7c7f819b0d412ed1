"""Opening an extract: what it reads, its run in the ledger, its decision and its parts.

A run that a dead process has left is taken up where its declaration is still the same; else a new one begins.
Reading is in `read_parts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pyarrow as pa

from sf_pipelines.lake.types import arrow_schema
from sf_pipelines.ledger.decisions import read_decision
from sf_pipelines.ledger.extract_book import ExtractBook, OpenExtract
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.describe import SObjectDescribe
from sf_pipelines.model.extract import Span
from sf_pipelines.model.rail import Direction, Operation, Rail
from sf_pipelines.model.slice import Slice, Window
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.policy.windows import rows_of
from sf_pipelines.workflows.checks import extract_fields
from sf_pipelines.workflows.decide import decide_to_send
from sf_pipelines.workflows.errors import WorkflowError
from sf_pipelines.workflows.extract_plan import Counter, parts_of
from sf_pipelines.workflows.extract_work import ExtractWork
from sf_pipelines.workflows.tools import Tools

BYTES_PER_FIELD = 16
"""Mean width of a value in a result CSV, quotes and separator included, before anything was measured."""

MAX_RUN_ATTEMPTS = 10
"""Processes that may go on with one run; after them its window is read from its beginning."""

IS_DELETED = "IsDeleted"
"""Where an object has it, rows in the recycle bin are read too, so that deletes reach the warehouse."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractRequest:
    """One run of an extract: the rows whose SystemModstamp lies in the window, of a day or of many."""

    sync: ExtractSync
    window: Window
    partition_key: str | None = None
    dagster_run_id: str | None = None
    forced_rail: Rail | None = None
    forced_reason: str = ""
    next_start: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What an extract reads of an object, as the org describes it now."""

    describe: SObjectDescribe
    schema: pa.Schema

    @property
    def include_deleted(self) -> bool:
        """Whether rows in the recycle bin are read too."""
        return self.describe.field(IS_DELETED) is not None

    @property
    def declaration(self) -> str:
        """Hash of what is read: pages of another declaration do not fit."""
        told = f"{self.describe.name}\n{self.schema}\n{self.include_deleted}"
        return sha256(told.encode()).hexdigest()

    def counter(self, tools: Tools) -> Counter:
        """Counts of the rows that are read."""
        return Counter(
            rest=tools.client.rest, sobject=self.describe.name, include_deleted=self.include_deleted
        )


def shape_of(sync: ExtractSync, tools: Tools) -> Shape:
    """Describe the object, and choose the fields.

    Raises:
        SyncError, SalesforceError: the declaration contradicts the org, or the org does not answer.
    """
    describe = tools.client.org.describe(sync.sobject)
    return Shape(describe=describe, schema=arrow_schema(describe, extract_fields(sync, describe)))


def left_over(request: ExtractRequest, book: ExtractBook, tools: Tools) -> OpenExtract | None:
    """The newest unfinished run whose window holds the one asked for.

    Those of the same window that never came to a plan, or were tried too often, are closed.
    """
    found: OpenExtract | None = None
    asked = request.window
    for run in book.open_extracts(request.sync.name):
        window = run.window
        if asked.start < window.start or window.end < asked.end:
            continue
        if run.read_until is None or run.attempts >= MAX_RUN_ATTEMPTS:
            close(run, tools, "Its window is read from its beginning by another run.")
        else:
            found = run
    return found


def close(run: OpenExtract, tools: Tools, reason: str) -> None:
    """End a run that nobody goes on with."""
    tools.ledger.begin_attempt(run.run_id, dagster_run_id=None)
    tools.ledger.fail_run(run.run_id, error=reason)


def start(request: ExtractRequest, tools: Tools) -> UUID:
    """A new run in the ledger."""
    return tools.ledger.start_run(
        sync=request.sync.name,
        sobject=request.sync.sobject,
        direction=Direction.EXTRACT,
        partition_key=request.partition_key,
        dagster_run_id=request.dagster_run_id,
        window=request.window,
    )


def plan(request: ExtractRequest, shape: Shape, book: ExtractBook, tools: Tools, run_id: UUID) -> ExtractWork:
    """Count, decide, cut into parts, and keep all of that before anything is read.

    Raises:
        WorkflowError: the window has not begun. NotRunError: the policy deferred or refused.
    """
    window = readable_window(request.window, tools.client.org.org_time(), tools.extract_lag_seconds)
    counter = shape.counter(tools)
    days = counter.by_day(window)
    decision = decide_to_send(
        _slice(request, shape, rows_of(days)),
        tools,
        run_id,
        partition_key=request.partition_key,
        forced=request.forced_rail,
        forced_reason=request.forced_reason,
    )
    rail = decision.rail or Rail.REST
    spans = parts_of(days, counter, tools.part_rows(rail))
    book.register(run_id, rail, spans, read_until=window.end, declaration=shape.declaration)
    tools.tell(f"{request.sync.name}: {_plan_sentence(days, spans)}")
    return _work(request, shape, book, tools, run_id, 1, decision)


def take_up(
    request: ExtractRequest, shape: Shape, book: ExtractBook, tools: Tools, run: OpenExtract
) -> ExtractWork:
    """Go on with a run; what of its window has passed since it was planned is read too."""
    attempt = tools.ledger.begin_attempt(run.run_id, dagster_run_id=request.dagster_run_id)
    tools.tell(f"{request.sync.name}: run {run.run_id} is taken up, attempt {attempt}.")
    decision = read_decision(tools.engine, run.run_id)
    assert run.read_until is not None
    window = readable_window(run.window, tools.client.org.org_time(), tools.extract_lag_seconds)
    if run.read_until < window.end:
        rail, counter = decision.rail or Rail.REST, shape.counter(tools)
        more = Window(start=run.read_until, end=window.end)
        spans = parts_of(counter.by_day(more), counter, tools.part_rows(rail))
        book.register(run.run_id, rail, spans, read_until=window.end, declaration=shape.declaration)
    return _work(request, shape, book, tools, run.run_id, attempt, decision)


def readable_window(asked: Window, org_time: datetime, lag_seconds: int) -> Window:
    """The part of a window that can be read now: transactions of the last seconds may still commit.

    Raises:
        WorkflowError: nothing of the window can be read yet.
    """
    limit = org_time - timedelta(seconds=lag_seconds)
    if limit <= asked.start:
        raise WorkflowError(
            f"The window from {asked.start:%Y-%m-%d %H:%M}Z has not begun by the org's clock "
            f"({org_time:%Y-%m-%d %H:%M}Z, lag {lag_seconds} s): run it later."
        )
    return Window(start=asked.start, end=min(asked.end, limit))


def _work(
    request: ExtractRequest,
    shape: Shape,
    book: ExtractBook,
    tools: Tools,
    run_id: UUID,
    attempt: int,
    decision: Decision,
) -> ExtractWork:
    partition = request.partition_key or f"{request.window.start:%Y-%m-%d}"
    return ExtractWork(
        sync=request.sync,
        describe=shape.describe,
        schema=shape.schema,
        tools=tools,
        book=book,
        run_id=run_id,
        attempt=attempt,
        decision=decision,
        folder=f"raw/{request.sync.sobject.lower()}/{partition}/{run_id}",
        include_deleted=shape.include_deleted,
    )


def _slice(request: ExtractRequest, shape: Shape, rows: int) -> Slice:
    sync = request.sync
    fields = shape.schema.names
    refused = tuple(name for name in fields if not shape.describe.fields[name].is_carried_by_bulk)
    return Slice(
        sync=sync.name,
        sobject=shape.describe.name,
        direction=Direction.EXTRACT,
        operation=Operation.QUERY_ALL if shape.include_deleted else Operation.QUERY,
        rows=rows,
        bytes_raw=rows * len(fields) * BYTES_PER_FIELD,
        latency_class=sync.latency_class,
        criticality=sync.criticality,
        fields_refused_by_bulk=refused,
        next_start=request.next_start,
    )


def _plan_sentence(days: Sequence[Span], parts: Sequence[Span]) -> str:
    busy = sum(1 for day in days if day.rows)
    return f"{rows_of(days):,} rows on {busy} of {len(days)} days, read in {len(parts)} parts."
