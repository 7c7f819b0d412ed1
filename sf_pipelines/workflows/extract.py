"""An extract: one window of one sObject to Parquet and to `raw.<object>`, every row counted three times.

The org's report, the rows received and the rows written must agree; only then is the window complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyarrow as pa

from sf_pipelines.lake.parquet import ParquetSink, read_parquet
from sf_pipelines.lake.types import arrow_schema
from sf_pipelines.lake.warehouse import MergeResult, merge_into_raw
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.describe import SObjectDescribe
from sf_pipelines.model.outcome import OutcomeCounts, Verdict
from sf_pipelines.model.rail import Direction, Operation, Rail
from sf_pipelines.model.slice import Slice, Window
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.policy.completeness import extract_verdict
from sf_pipelines.workflows.bulk_extract import read_by_bulk
from sf_pipelines.workflows.checks import extract_fields
from sf_pipelines.workflows.decide import decide_to_send
from sf_pipelines.workflows.errors import WorkflowError, is_of_rail
from sf_pipelines.workflows.read_log import ReadLog
from sf_pipelines.workflows.rest_extract import read_by_rest
from sf_pipelines.workflows.tools import Tools

BYTES_PER_FIELD = 16
"""Mean width of a value in a result CSV, quotes and separator included, before anything was measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractRequest:
    """One run of an extract: the rows whose SystemModstamp lies in the window."""

    sync: ExtractSync
    window: Window
    partition_key: str | None = None
    dagster_run_id: str | None = None
    forced_rail: Rail | None = None
    forced_reason: str = ""
    next_start: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractReport:
    """How an extract ended.

    Attributes:
        window: what was read; it ends early when the asked-for window is not over yet.
        window_is_over: whether the asked-for window was read to its end.
        uri: the Parquet file.
    """

    run_id: UUID
    decision: Decision
    window: Window
    window_is_over: bool
    counts: OutcomeCounts
    verdict: Verdict
    merge: MergeResult
    uri: str
    job_urls: dict[str, str]
    api_calls: int
    seconds: float
    schema: pa.Schema


def run_extract(request: ExtractRequest, tools: Tools) -> ExtractReport:
    """Run an extract to its verdict.

    Raises:
        SyncError, NotRunError: as for loads.
        WorkflowError: the window has not begun, or rows are missing; nothing is merged then.
        SalesforceError, LakeError, LedgerError: a part failed; the run is recorded as ended by an error.
    """
    run_id = tools.ledger.start_run(
        sync=request.sync.name,
        sobject=request.sync.sobject,
        direction=Direction.EXTRACT,
        partition_key=request.partition_key,
        dagster_run_id=request.dagster_run_id,
        window=request.window,
    )
    try:
        return _extract(request, tools, run_id)
    except BaseException as error:
        tools.ledger.fail_run(run_id, error=str(error) or type(error).__name__, rail_failed=is_of_rail(error))
        raise


def readable_window(asked: Window, org_time: datetime, lag_seconds: int) -> Window:
    """The part of a window that can be read now: transactions of the last seconds may still commit.

    Raises:
        WorkflowError: nothing of the window can be read yet.
    """
    limit = (org_time - timedelta(seconds=lag_seconds)).astimezone(UTC)
    if limit <= asked.start:
        raise WorkflowError(
            f"The window from {asked.start:%Y-%m-%d %H:%M}Z has not begun by the org's clock "
            f"({org_time:%Y-%m-%d %H:%M}Z, lag {lag_seconds} s): run it later."
        )
    return Window(start=asked.start, end=min(asked.end, limit))


def _extract(request: ExtractRequest, tools: Tools, run_id: UUID) -> ExtractReport:
    sync, org = request.sync, tools.client.org
    started_at, calls_before = tools.clock(), org.calls_made
    describe = org.describe(sync.sobject)
    fields = extract_fields(sync, describe)
    window = readable_window(request.window, org.org_time(), tools.extract_lag_seconds)
    decision = decide_to_send(
        _slice(request, describe, fields, window, tools),
        tools,
        run_id,
        partition_key=request.partition_key,
        forced=request.forced_rail,
        forced_reason=request.forced_reason,
    )
    schema = arrow_schema(describe, fields)
    log = ReadLog()
    soql = f"SELECT {', '.join(fields)} FROM {describe.name} WHERE {_predicate(window)}"
    batches = _read(decision, soql, schema, tools, run_id, log)
    uri, counts, verdict = _write(request, batches, schema, log, tools, run_id)
    merge = merge_into_raw(
        tools.database_url.reveal(), sobject=describe.name, schema=schema, batches=read_parquet(uri)
    )
    api_calls = org.calls_made - calls_before
    tools.ledger.finish_run(run_id, verdict=verdict, counts=counts, api_calls=api_calls)
    return ExtractReport(
        run_id=run_id,
        decision=decision,
        window=window,
        window_is_over=window.end == request.window.end,
        counts=counts,
        verdict=verdict,
        merge=merge,
        uri=uri,
        job_urls={job_id: org.job_url(job_id) for job_id in log.job_ids},
        api_calls=api_calls,
        seconds=(tools.clock() - started_at).total_seconds(),
        schema=schema,
    )


def _slice(
    request: ExtractRequest,
    describe: SObjectDescribe,
    fields: tuple[str, ...],
    window: Window,
    tools: Tools,
) -> Slice:
    sync = request.sync
    rows = tools.client.rest.count(f"SELECT COUNT() FROM {describe.name} WHERE {_predicate(window)}")
    refused = tuple(name for name in fields if not describe.fields[name].is_carried_by_bulk)
    return Slice(
        sync=sync.name,
        sobject=describe.name,
        direction=Direction.EXTRACT,
        operation=Operation.QUERY,
        rows=rows,
        bytes_raw=rows * len(fields) * BYTES_PER_FIELD,
        latency_class=sync.latency_class,
        criticality=sync.criticality,
        fields_refused_by_bulk=refused,
        next_start=request.next_start,
    )


def _predicate(window: Window) -> str:
    return f"SystemModstamp >= {_soql_time(window.start)} AND SystemModstamp < {_soql_time(window.end)}"


def _soql_time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def _read(
    decision: Decision, soql: str, schema: pa.Schema, tools: Tools, run_id: UUID, log: ReadLog
) -> Iterator[pa.RecordBatch]:
    if decision.rail is Rail.BULK:
        return read_by_bulk(soql, schema, decision, tools, run_id, log)
    return read_by_rest(soql, schema, tools, log)


def _write(
    request: ExtractRequest,
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    log: ReadLog,
    tools: Tools,
    run_id: UUID,
) -> tuple[str, OutcomeCounts, Verdict]:
    """Stream to Parquet; the file appears only when every row that the org reported is in it."""
    received = 0
    partition = request.partition_key or f"{request.window.start:%Y-%m-%d}"
    path = f"raw/{request.sync.sobject.lower()}/{partition}/{run_id}.parquet"
    with ParquetSink(tools.lake, path, schema) as sink:
        for batch in batches:
            received += batch.num_rows
            sink.write(batch)
            tools.tell(f"{request.sync.name}: {received:,} rows received.")
        verdict = extract_verdict(reported=log.reported, received=received, written=sink.rows)
        if not verdict.state.is_green:
            raise WorkflowError(f"{request.sync.name} is incomplete: {verdict.text} Run the window again.")
    return sink.uri, OutcomeCounts(submitted=log.reported, succeeded=sink.rows), verdict
