"""The repair of a gap: a sized job like any other, whose rail the policy chooses, closed with its proof.

The gap's records are read by their Ids, or all that changed since it began, or the object as a whole. The
first start of a stream is such a gap: its position is stored first, then the object is read, and what came
meanwhile is merged once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sf_pipelines.lake.repaired_rows import live_rows
from sf_pipelines.ledger.change_queries import GapRow, open_gaps
from sf_pipelines.ledger.change_verbs import ChangeLedger
from sf_pipelines.ledger.decisions import read_decision
from sf_pipelines.ledger.extract_book import ExtractBook
from sf_pipelines.ledger.locks import sync_lock
from sf_pipelines.model.decision import Decision
from sf_pipelines.model.gap import GapProof
from sf_pipelines.model.outcome import OutcomeCounts
from sf_pipelines.model.rail import Direction
from sf_pipelines.policy.completeness import extract_verdict
from sf_pipelines.workflows.errors import is_of_rail
from sf_pipelines.workflows.merge_changes import ChangeMerge, merge_changes
from sf_pipelines.workflows.repair_job import RepairJob, repair_name
from sf_pipelines.workflows.repair_reading import ReadBack, window_since
from sf_pipelines.workflows.tools import Tools


@dataclass(frozen=True, kw_only=True, slots=True)
class GapRepair:
    """How the repair of a gap ended.

    Attributes:
        way: how it was read, in words.
        merge: of the changes that came while it read.
    """

    gap: GapRow
    run_id: UUID
    attempt: int
    way: str
    decision: Decision
    proof: GapProof
    merge: ChangeMerge
    api_calls: int
    seconds: float


def divide_gaps(channel: str, sobjects: Sequence[str], tools: Tools) -> None:
    """Give every object its own gap of those that concern all that a channel carries."""
    ledger = ChangeLedger(tools.engine, clock=tools.clock)
    for gap in open_gaps(tools.engine):
        if gap.channel == channel and gap.sobject is None:
            ledger.divide_gap(gap.id, sobjects)


def repair_gaps(sobject: str, tools: Tools, *, dagster_run_id: str | None = None) -> list[GapRepair]:
    """Repair the open gaps of an object one after the other, the oldest first.

    Raises:
        SyncBusyError: another process repairs the object.
        NotRunError: the policy deferred or refused; the gap stays open.
        WorkflowError, SalesforceError, LakeError, LedgerError: a part failed; the gap stays open, and the
            next repair goes on with the parts that were read.
    """
    done: list[GapRepair] = []
    with sync_lock(tools.engine, repair_name(sobject)):
        for gap in open_gaps(tools.engine, sobject=sobject):
            if gap.sobject is not None:
                done.append(_repair(gap, sobject, tools, dagster_run_id))
    return done


def _repair(gap: GapRow, sobject: str, tools: Tools, dagster_run_id: str | None) -> GapRepair:
    ledger = ChangeLedger(tools.engine, clock=tools.clock)
    started_at, calls_before = tools.clock(), tools.client.org.calls_made
    run_id, run_attempt = _run_of(gap, sobject, tools, dagster_run_id)
    attempt = ledger.record_repair(gap.id, run_id=run_id)
    try:
        before = _live_rows(gap, sobject, tools)
        read, way = RepairJob(gap=gap, sobject=sobject, tools=tools, run_id=run_id).read(run_attempt)
        merge = merge_changes(tools.engine, sobject, gap.channel, clock=tools.clock)
        proof = GapProof(
            org_rows=read.org_rows,
            rows_before=before,
            rows_after=_live_rows(gap, sobject, tools),
            rows_repaired=read.rows_repaired,
            rows_deleted=read.rows_deleted,
        )
        calls = tools.client.org.calls_made - calls_before
        _finish(run_id, run_attempt, read, calls, tools)
        ledger.close_gap(gap.id, proof)
    except BaseException as error:
        _let_go(gap, run_id, run_attempt, error, tools, tools.client.org.calls_made - calls_before)
        raise
    return GapRepair(
        gap=gap,
        run_id=run_id,
        attempt=attempt,
        way=way,
        decision=read_decision(tools.engine, run_id),
        proof=proof,
        merge=merge,
        api_calls=calls,
        seconds=(tools.clock() - started_at).total_seconds(),
    )


def _live_rows(gap: GapRow, sobject: str, tools: Tools) -> int:
    return live_rows(tools.database_url.reveal(), sobject, gap.record_ids)


def _finish(run_id: UUID, attempt: int, read: ReadBack, calls: int, tools: Tools) -> None:
    rows = read.rows_repaired
    verdict = extract_verdict(reported=read.org_rows, received=rows, written=rows)
    counts = OutcomeCounts(submitted=read.org_rows, succeeded=rows)
    tools.ledger.finish_run(run_id, verdict=verdict, counts=counts, api_calls=calls, attempt=attempt)


def _run_of(gap: GapRow, sobject: str, tools: Tools, dagster_run_id: str | None) -> tuple[UUID, int]:
    """The run that a dead process has left of this repair, or a new one; with the number of its attempt.

    Only the newest of the object's repairs is taken up: what an older one has read would go over what a later
    one has repaired.
    """
    book = ExtractBook(tools.engine, clock=tools.clock)
    left = book.open_extracts(repair_name(sobject))
    for run in left:
        if run is left[-1] and run.run_id == gap.run_id and run.read_until is not None:
            return run.run_id, tools.ledger.begin_attempt(run.run_id, dagster_run_id=dagster_run_id)
        tools.ledger.begin_attempt(run.run_id, dagster_run_id=None)
        tools.ledger.fail_run(run.run_id, error="Another repair of the object reads from the beginning.")
    run_id = tools.ledger.start_run(
        sync=repair_name(sobject),
        sobject=sobject,
        direction=Direction.EXTRACT,
        partition_key=None,
        dagster_run_id=dagster_run_id,
        window=window_since(gap.from_timestamp, tools.client.org.org_time()),
    )
    return run_id, 1


def _let_go(
    gap: GapRow, run_id: UUID, run_attempt: int, error: BaseException, tools: Tools, calls: int
) -> None:
    """The gap is open again; a run whose parts are known waits for the next process."""
    told = str(error) or type(error).__name__
    ChangeLedger(tools.engine, clock=tools.clock).record_repair_failure(gap.id, told)
    if ExtractBook(tools.engine, clock=tools.clock).parts(run_id):
        tools.ledger.interrupt_run(
            run_id, error=told, api_calls=calls, rail_failed=is_of_rail(error), attempt=run_attempt
        )
    else:
        tools.ledger.fail_run(run_id, error=told, rail_failed=is_of_rail(error))
