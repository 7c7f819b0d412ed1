"""A load: source rows to one sObject, every row accounted for.

The order of events is the promise: payload on disk, decision and chunks in the ledger, then the rail, then
the verdict. A run that a dead process has left is taken up before anything new is begun. How a rail sends and
collects is in `bulk_load` and `rest_load`.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sf_pipelines.config.limits import BULK_RECORDS_PER_DAY
from sf_pipelines.lake.payload import Payload, SelectRows, write_payload
from sf_pipelines.lake.source import read_source
from sf_pipelines.ledger.decisions import read_decision
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.failure_queries import open_records, rows_left
from sf_pipelines.ledger.load_queries import (
    UnfinishedRun,
    attempts_of_run,
    bulk_rows_since,
    last_finished_load,
    load_totals,
    unfinished_loads,
)
from sf_pipelines.ledger.locks import sync_lock
from sf_pipelines.ledger.queries import jobs_of_run
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.describe import SObjectDescribe
from sf_pipelines.model.outcome import OutcomeCounts, Verdict, VerdictState
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.model.sync import LoadScope, LoadSync
from sf_pipelines.policy.accounting import Disagreement, read_disagreement
from sf_pipelines.policy.completeness import load_verdict, resend_verdict
from sf_pipelines.policy.failure_classes import NOT_SENT
from sf_pipelines.workflows.accepted import OnlyChanged
from sf_pipelines.workflows.checks import check_load
from sf_pipelines.workflows.decide import decide_to_send, promise_again
from sf_pipelines.workflows.done_before import DONE_ONCE, Done, PayloadSum, done_before
from sf_pipelines.workflows.errors import BudgetSpentError, is_of_rail
from sf_pipelines.workflows.load_request import LoadRequest as LoadRequest
from sf_pipelines.workflows.resend import FailedOnly
from sf_pipelines.workflows.resolve import close_earlier_failures
from sf_pipelines.workflows.send import plans_of, send_all
from sf_pipelines.workflows.take_up import MAX_RUN_ATTEMPTS, settle, why_not_go_on
from sf_pipelines.workflows.tools import Tools
from sf_pipelines.workflows.work import (
    REPEATABLE,
    LoadWork,
    declaration_of,
    identity_of,
    locking_parent,
    spool_of,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """How a load ended.

    Attributes:
        job_urls: Bulk job id to its page in the org's own user interface.
        attempts: processes that worked on it; more than one where a run was taken up.
    """

    run_id: UUID
    decision: Decision
    counts: OutcomeCounts
    verdict: Verdict
    job_urls: dict[str, str]
    api_calls: int
    seconds: float
    attempts: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Process:
    """What this process has cost so far."""

    tools: Tools
    started_at: datetime
    calls_before: int

    @property
    def api_calls(self) -> int:
        return self.tools.client.org.calls_made - self.calls_before


@dataclass(frozen=True, kw_only=True, slots=True)
class _TakenUp:
    """How a run that was taken up ended.

    Attributes:
        is_to_begin_anew: it was settled, and to read the source again and send everything does no harm.
    """

    report: LoadReport
    is_to_begin_anew: bool


def run_load(request: LoadRequest, tools: Tools) -> LoadReport:
    """Run a load to its verdict; first take up what a dead process has left of it.

    Where a run is taken up, its end is what this gives: its rows are those of this partition. An insert or a
    delete of the very rows that an earlier run has sent sends nothing: they count as unchanged.

    Raises:
        SyncBusyError: another process works on the sync.
        SyncError: the declaration contradicts the org.
        NotRunError: the policy deferred or refused; nothing was sent.
        TakenUpError: an insert whose earlier run ended red; sending it all again would make doubles.
        SalesforceError, LakeError, LedgerError: a part failed. Where rows are under way, the run is
            interrupted, and the next process takes it up; else it is recorded as ended by an error.
    """
    process = _Process(tools=tools, started_at=tools.clock(), calls_before=tools.client.org.calls_made)
    with sync_lock(tools.engine, request.sync.name):
        previous_run = request.previous_run
        for run in _unfinished(request, tools):
            taken_up = _take_up(run, request, process)
            if taken_up is not None and not taken_up.is_to_begin_anew:
                return taken_up.report
            previous_run = run.run_id if taken_up else previous_run
        return _run_new(request, process, previous_run)


def adopt(request: LoadRequest, tools: Tools) -> list[LoadReport]:
    """Take up the unfinished runs of a sync and partition, and begin nothing new.

    Raises:
        SyncBusyError, SalesforceError, LakeError, LedgerError: as `run_load`.
    """
    process = _Process(tools=tools, started_at=tools.clock(), calls_before=tools.client.org.calls_made)
    with sync_lock(tools.engine, request.sync.name):
        taken_up = [_take_up(run, request, process) for run in _unfinished(request, tools)]
    return [item.report for item in taken_up if item is not None]


def _unfinished(request: LoadRequest, tools: Tools) -> list[UnfinishedRun]:
    return unfinished_loads(
        tools.engine, sync=request.sync.name, partition_key=request.partition_key, any_partition=False
    )


def _take_up(run: UnfinishedRun, request: LoadRequest, process: _Process) -> _TakenUp | None:
    """The end of an unfinished run; None where nothing of it can be in the org."""
    tools = process.tools
    attempt = tools.ledger.begin_attempt(run.run_id, dagster_run_id=request.dagster_run_id)
    if not run.chunks or run.org_started_at is None:
        tools.ledger.fail_run(run.run_id, error="Its process ended before anything was sent.")
        shutil.rmtree(spool_of(tools, run.run_id), ignore_errors=True)
        return None
    with _under_way(run.run_id, attempt, process):
        work = LoadWork(
            sync=request.sync,
            describe=tools.client.org.describe(run.sobject),
            tools=tools,
            run_id=run.run_id,
            attempt=attempt,
            decision=read_decision(tools.engine, run.run_id),
            org_started_at=run.org_started_at,
            scope=LoadScope(run.scope),
        )
        reason = why_not_go_on(run, work)
        if reason is None:
            work.tell(f"run {run.run_id} is taken up, attempt {attempt}.")
            promise_again(work.decision, tools, run.run_id)
            send_all(work)
        else:
            work.tell(f"run {run.run_id} is settled, since {reason}.")
            settle(work, reason)
        is_repeatable = request.sync.operation in REPEATABLE and run.attempts < MAX_RUN_ATTEMPTS
        is_less = request.scope is LoadScope.ALL and run.scope != LoadScope.ALL
        return _TakenUp(
            report=_finish(work, process), is_to_begin_anew=is_less or (reason is not None and is_repeatable)
        )


def _run_new(request: LoadRequest, process: _Process, previous_run: UUID | None) -> LoadReport:
    tools, sync = process.tools, request.sync
    if request.scope is not LoadScope.ALL and previous_run is None:
        earlier = last_finished_load(tools.engine, sync=sync.name, partition_key=request.partition_key)
        previous_run = earlier.run_id if earlier else None
    run_id = tools.ledger.start_run(
        sync=sync.name,
        sobject=sync.sobject,
        direction=Direction.LOAD,
        partition_key=request.partition_key,
        dagster_run_id=request.dagster_run_id,
        declaration=declaration_of(sync),
        previous_run=previous_run,
        scope=request.scope.value,
    )
    try:
        work = _prepare(request, tools, run_id)
        if isinstance(work, Done):
            return _finish_without_sending(work, run_id, process)
    except BaseException as error:
        shutil.rmtree(spool_of(tools, run_id), ignore_errors=True)
        tools.ledger.fail_run(run_id, error=str(error) or type(error).__name__, rail_failed=is_of_rail(error))
        raise
    with _under_way(run_id, work.attempt, process):
        send_all(work)
        return _finish(work, process)


@contextmanager
def _under_way(run_id: UUID, attempt: int, process: _Process) -> Generator[None]:
    """What ends this process leaves the run for the next one."""
    try:
        yield
    except BaseException as error:
        # the error at hand is the one to tell; a run that cannot even be marked is found running, by nobody
        with suppress(LedgerError):
            process.tools.ledger.interrupt_run(
                run_id,
                error=str(error) or type(error).__name__,
                api_calls=process.api_calls,
                rail_failed=is_of_rail(error),
                attempt=attempt,
            )
        raise


def _finish_without_sending(done: Done, run_id: UUID, process: _Process) -> LoadReport:
    tools = process.tools
    verdict = Verdict(state=VerdictState.COMPLETE, text=done.sentence)
    counts = OutcomeCounts(unchanged=done.rows)
    tools.ledger.finish_run(run_id, verdict=verdict, counts=counts, api_calls=process.api_calls)
    shutil.rmtree(spool_of(tools, run_id), ignore_errors=True)
    return _report(run_id, verdict.text, verdict.state, tools, api_calls=process.api_calls, seconds=0.0)


def _prepare(request: LoadRequest, tools: Tools, run_id: UUID) -> LoadWork | Done:
    """Payload on disk, decision and chunks in the ledger; nothing is sent yet."""
    sync = request.sync
    describe = tools.client.org.describe(sync.sobject)
    check_load(sync, describe)
    watcher = _watcher(request, describe, tools)
    payload = _write_payload(sync, describe, tools, run_id, watcher.select if watcher else None)
    tools.tell(f"{sync.name}: {payload.rows:,} rows, {payload.bytes_raw / 1e6:,.1f} MB read from the source.")
    decision = _decide(request, payload, tools, run_id)
    tools.tell(f"{sync.name}: {' '.join(reason.text for reason in decision.because)}")
    payload_sum = watcher.text if isinstance(watcher, PayloadSum) else None
    if payload_sum is not None and (done := done_before(request, payload, payload_sum, tools)):
        return done
    if decision.rail is Rail.BULK:
        _check_daily_rows(sync, payload, tools)
    org_time = tools.client.org.org_time()
    plans = plans_of(
        payload,
        decision.rail or Rail.REST,
        chunk_rows=tools.call_rows,
        is_grouped=payload.parents is not None,
    )
    unchanged = watcher.unchanged if isinstance(watcher, OnlyChanged) else 0
    tools.ledger.register_chunks(
        run_id,
        plans,
        org_time=org_time,
        unchanged=unchanged,
        payload_sum=payload_sum,
    )
    return LoadWork(
        sync=sync,
        describe=describe,
        tools=tools,
        run_id=run_id,
        attempt=1,
        decision=decision,
        org_started_at=org_time,
        scope=request.scope,
    )


def _decide(request: LoadRequest, payload: Payload, tools: Tools, run_id: UUID) -> Decision:
    return decide_to_send(
        _slice(request, payload),
        tools,
        run_id,
        partition_key=request.partition_key,
        forced=request.forced_rail,
        forced_reason=request.forced_reason,
    )


def _check_daily_rows(sync: LoadSync, payload: Payload, tools: Tools) -> None:
    """Keep below the rows that ingest jobs may bring in 24 hours: `/limits` does not tell them."""
    sent = bulk_rows_since(tools.engine, tools.clock() - timedelta(hours=24))
    if sent + payload.rows > BULK_RECORDS_PER_DAY:
        raise BudgetSpentError(
            f"{sync.name} would send {payload.rows:,} rows by Bulk; {sent:,} of the {BULK_RECORDS_PER_DAY:,} "
            "that an org takes in 24 hours are spent: run it later."
        )


def _write_payload(
    sync: LoadSync, describe: SObjectDescribe, tools: Tools, run_id: UUID, select: SelectRows | None
) -> Payload:
    columns = list(dict.fromkeys(mapping.column for mapping in sync.fields))
    return write_payload(
        read_source(sync.source, columns, engine=tools.engine),
        sync=sync,
        folder=spool_of(tools, run_id),
        max_bytes=tools.job_max_bytes,
        parent=locking_parent(sync, describe),
        select=select,
        identity=identity_of(sync, describe),
    )


def _watcher(
    request: LoadRequest, describe: SObjectDescribe, tools: Tools
) -> FailedOnly | OnlyChanged | PayloadSum | None:
    """What looks at each row before it is written, and leaves out those that are not to be sent."""
    sync = request.sync
    if request.scope is not LoadScope.ALL:
        return FailedOnly(sync, open_records(tools.engine, sync.name), scope=request.scope)
    if sync.only_changed:
        return OnlyChanged(sync, describe, tools.engine)
    return PayloadSum(sync.field_names) if sync.operation in DONE_ONCE else None


def _slice(request: LoadRequest, payload: Payload) -> Slice:
    sync = request.sync
    return Slice(
        sync=sync.name,
        sobject=sync.sobject,
        direction=Direction.LOAD,
        operation=sync.operation,
        rows=payload.rows,
        bytes_raw=payload.bytes_raw,
        latency_class=sync.latency_class,
        criticality=sync.criticality,
        distinct_parents=payload.parents,
        next_start=request.next_start,
    )


def _finish(work: LoadWork, process: _Process) -> LoadReport:
    """The verdict, from what the ledger holds of every attempt."""
    tools = work.tools
    totals = load_totals(tools.engine, work.run_id)
    disagreements = tuple(map(read_disagreement, totals.disagreements))
    verdict = load_verdict(totals.counts, work.sync.tolerance, disagreements=disagreements)
    if verdict.state is not VerdictState.ROWS_UNACCOUNTED:
        tools.ledger.resolve_resent(work.run_id)
        close_earlier_failures(work)
        if work.scope is not LoadScope.ALL:
            verdict = _verdict_of_whole(work, totals.counts, disagreements)
    tools.ledger.finish_run(
        work.run_id,
        verdict=verdict,
        counts=totals.counts,
        api_calls=process.api_calls,
        rail_failed=totals.counts.unprocessed > totals.counts.errors.get(NOT_SENT, 0),
        attempt=work.attempt,
    )
    shutil.rmtree(work.folder, ignore_errors=True)
    seconds = (tools.clock() - process.started_at).total_seconds()
    return _report(
        work.run_id, verdict.text, verdict.state, tools, api_calls=process.api_calls, seconds=seconds
    )


def _verdict_of_whole(
    work: LoadWork, sent: OutcomeCounts, disagreements: tuple[Disagreement, ...]
) -> Verdict:
    """That of the load as a whole, of which this run sent only what had failed."""
    left = rows_left(work.tools.engine, work.run_id)
    submitted = max(left.submitted, sent.submitted)
    return resend_verdict(
        sent, work.sync.tolerance, submitted=submitted, left=left.rows, disagreements=disagreements
    )


def _report(
    run_id: UUID, text: str, state: VerdictState, tools: Tools, *, api_calls: int, seconds: float
) -> LoadReport:
    job_ids = [
        job.job_id for job in jobs_of_run(tools.engine, run_id) if job.job_id and job.step != "aborted"
    ]
    return LoadReport(
        run_id=run_id,
        decision=read_decision(tools.engine, run_id),
        counts=load_totals(tools.engine, run_id).counts,
        verdict=Verdict(state=state, text=text),
        job_urls={job_id: tools.client.org.job_url(job_id) for job_id in job_ids},
        api_calls=api_calls,
        seconds=seconds,
        attempts=len(attempts_of_run(tools.engine, run_id)),
    )
