"""What a new process does with the unfinished run of a dead one: go on with it, or settle it.

Going on needs the same declaration and the payload on disk. A run that lacks either, or that has been tried
too often, is settled: what the org knows of its rows is read, the rest is kept as not sent, and it ends red.
"""

from __future__ import annotations

from pathlib import Path

from sf_pipelines.ledger.load_queries import ChunkState, UnfinishedRun, chunks_of_run
from sf_pipelines.model.outcome import OutcomeCounts, OutcomeState, RecordError
from sf_pipelines.model.rail import Rail
from sf_pipelines.policy.accounting import Disagreement, DisagreementKind
from sf_pipelines.policy.failure_classes import NOT_SENT, OUTCOME_UNKNOWN
from sf_pipelines.workflows.bulk_load import collect_known
from sf_pipelines.workflows.failures import failed_record
from sf_pipelines.workflows.rest_load import store_unknown
from sf_pipelines.workflows.rows import row_values
from sf_pipelines.workflows.work import LoadWork, declaration_of

MAX_RUN_ATTEMPTS = 5
"""Processes that may try to end one run, before it is settled for a person to look at."""


def why_not_go_on(run: UnfinishedRun, work: LoadWork) -> str | None:
    """Why a run must be settled instead, as a clause; None where it can go on."""
    if run.declaration != declaration_of(work.sync):
        return "the sync is declared otherwise by now"
    if run.attempts >= MAX_RUN_ATTEMPTS:
        return f"{run.attempts} processes have tried"
    missing = [
        state.plan.payload_path
        for state in chunks_of_run(work.tools.engine, work.run_id)
        if not state.has_outcome and not Path(state.plan.payload_path).exists()
    ]
    if missing:
        return f"its payload is gone from this machine ({missing[0]})"
    return None


def settle(work: LoadWork, reason: str) -> None:
    """Give every chunk of a run an outcome without sending anything more."""
    for state in chunks_of_run(work.tools.engine, work.run_id):
        if state.has_outcome:
            continue
        if state.plan.rail == Rail.BULK.value and collect_known(work, state):
            continue
        chunk = work.chunk(state.plan)
        if state.request_step in ("intent", "unknown") and chunk.path.exists():
            store_unknown(work, state, chunk.whole())
        else:
            _store_not_sent(work, state, reason)


def _store_not_sent(work: LoadWork, state: ChunkState, reason: str) -> None:
    plan, chunk = state.plan, work.chunk(state.plan)
    is_unknown = state.request_step in ("intent", "unknown")
    code = OUTCOME_UNKNOWN if is_unknown else NOT_SENT
    error = RecordError(code=code, message=f"Run {work.run_id} was given up, since {reason}.")
    counts = OutcomeCounts(submitted=plan.rows, unprocessed=plan.rows, errors={code: plan.rows})
    text = f"{plan.rows:,} rows of chunk {plan.chunk} were not sent, since {reason}."
    if is_unknown:
        text = f"The end of {plan.rows:,} rows of chunk {plan.chunk} is unknown, since {reason}."
    records = (
        failed_record(work, plan, row_values(batch, index), error, state=OutcomeState.UNPROCESSED)
        for batch in (chunk.batches() if chunk.path.exists() else ())
        for index in range(batch.num_rows)
    )
    work.tools.ledger.store_outcomes(
        work.run_id,
        chunk=plan.chunk,
        rail=Rail.BULK if plan.rail == Rail.BULK.value else Rail.REST,
        counts=counts,
        failed=records,
        disagreements=[Disagreement(kind=DisagreementKind.ROWS, text=text).stored()],
    )
