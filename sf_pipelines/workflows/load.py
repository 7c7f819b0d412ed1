"""A load: source rows to one sObject, every row accounted for.

The order of events is the promise: payload on disk, decision in the ledger, then the rail, then the
verdict. How a rail sends and collects is in `bulk_load` and `rest_load`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from uuid import UUID

from sf_pipelines.lake.payload import Payload, write_payload
from sf_pipelines.lake.source import read_source
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.describe import SObjectDescribe
from sf_pipelines.model.outcome import OutcomeCounts, Verdict
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.policy.completeness import load_verdict
from sf_pipelines.workflows.bulk_load import load_by_bulk
from sf_pipelines.workflows.checks import check_load
from sf_pipelines.workflows.decide import decide_to_send
from sf_pipelines.workflows.rest_load import load_by_rest
from sf_pipelines.workflows.sent import Sent
from sf_pipelines.workflows.tools import Tools


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadRequest:
    """One run of a load.

    Attributes:
        forced_rail: a rail that a person asked for; None lets the policy choose.
        forced_reason: the person's words, kept with the decision.
    """

    sync: LoadSync
    partition_key: str | None = None
    dagster_run_id: str | None = None
    forced_rail: Rail | None = None
    forced_reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadReport:
    """How a load ended.

    Attributes:
        job_urls: Bulk job id to its page in the org's own user interface.
    """

    run_id: UUID
    decision: Decision
    counts: OutcomeCounts
    verdict: Verdict
    job_urls: dict[str, str]
    api_calls: int
    seconds: float


def run_load(request: LoadRequest, tools: Tools) -> LoadReport:
    """Run a load to its verdict.

    Raises:
        SyncError: the declaration contradicts the org.
        NotRunError: the policy deferred or refused; nothing was sent.
        SalesforceError, LakeError, LedgerError: a part failed; the run is recorded as ended by an error.
    """
    sync = request.sync
    started_at, calls_before = tools.clock(), tools.client.org.calls_made
    run_id = tools.ledger.start_run(
        sync=sync.name,
        sobject=sync.sobject,
        direction=Direction.LOAD,
        partition_key=request.partition_key,
        dagster_run_id=request.dagster_run_id,
    )
    try:
        decision, sent = _decide_and_send(request, tools, run_id)
        api_calls = tools.client.org.calls_made - calls_before
        verdict = load_verdict(sent.counts, sync.tolerance, disagreements=sent.disagreements)
        tools.ledger.finish_run(run_id, verdict=verdict, counts=sent.counts, api_calls=api_calls)
    except BaseException as error:
        tools.ledger.fail_run(run_id, error=str(error) or type(error).__name__)
        raise
    shutil.rmtree(tools.spool / str(run_id), ignore_errors=True)
    return LoadReport(
        run_id=run_id,
        decision=decision,
        counts=sent.counts,
        verdict=verdict,
        job_urls={job_id: tools.client.org.job_url(job_id) for job_id in sent.job_ids},
        api_calls=api_calls,
        seconds=(tools.clock() - started_at).total_seconds(),
    )


def _decide_and_send(request: LoadRequest, tools: Tools, run_id: UUID) -> tuple[Decision, Sent]:
    sync = request.sync
    describe = tools.client.org.describe(sync.sobject)
    check_load(sync, describe)
    payload = _write_payload(sync, tools, run_id)
    tools.tell(f"{sync.name}: {payload.rows:,} rows, {payload.bytes_raw / 1e6:,.1f} MB read from the source.")
    try:
        decision = _decide(request, payload, tools, run_id)
    except BaseException:
        payload.remove()
        raise
    tools.tell(f"{sync.name}: {' '.join(reason.text for reason in decision.because)}")
    return decision, _send(sync, describe, payload, decision, tools, run_id)


def _decide(request: LoadRequest, payload: Payload, tools: Tools, run_id: UUID) -> Decision:
    return decide_to_send(
        _slice(request.sync, payload),
        tools,
        run_id,
        partition_key=request.partition_key,
        forced=request.forced_rail,
        forced_reason=request.forced_reason,
    )


def _write_payload(sync: LoadSync, tools: Tools, run_id: UUID) -> Payload:
    columns = list(dict.fromkeys(mapping.column for mapping in sync.fields))
    batches = read_source(sync.source, columns, engine=tools.engine)
    return write_payload(batches, sync=sync, folder=tools.spool / str(run_id))


def _slice(sync: LoadSync, payload: Payload) -> Slice:
    return Slice(
        sync=sync.name,
        sobject=sync.sobject,
        direction=Direction.LOAD,
        operation=sync.operation,
        rows=payload.rows,
        bytes_raw=payload.bytes_raw,
        latency_class=sync.latency_class,
        criticality=sync.criticality,
    )


def _send(
    sync: LoadSync,
    describe: SObjectDescribe,
    payload: Payload,
    decision: Decision,
    tools: Tools,
    run_id: UUID,
) -> Sent:
    if decision.rail is Rail.BULK:
        expected_seconds = decision.costs[Rail.BULK].seconds
        return load_by_bulk(sync, payload, tools, run_id, expected_seconds=expected_seconds)
    try:
        return load_by_rest(sync, describe, payload, tools, run_id)
    finally:
        # only the journal of a Bulk job refers to a payload, for the process that takes the job up
        payload.remove()
