"""The REST side of a load: one Composite call per chunk, its intent in the ledger before, its outcomes after.

A chunk whose call has an intent and no outcome is one whose answer was lost: upserts, updates and deletes are
sent again, an insert only after the org was asked which rows it holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa

from sf_pipelines.lake.chunk import read_ranges
from sf_pipelines.lake.json_rows import to_json_records
from sf_pipelines.ledger.load_queries import ChunkState
from sf_pipelines.ledger.load_verbs import ChunkPlan
from sf_pipelines.model.outcome import (
    FailedRecord,
    OutcomeCounts,
    OutcomeState,
    RecordError,
    RecordOutcome,
)
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.policy.accounting import Disagreement, DisagreementKind
from sf_pipelines.policy.failure_classes import OUTCOME_UNKNOWN
from sf_pipelines.rails.errors import SalesforceError, UnknownOutcomeError
from sf_pipelines.rails.ports import WriteResponse
from sf_pipelines.workflows.accepted import accepted_rows
from sf_pipelines.workflows.failures import failed_record
from sf_pipelines.workflows.reconcile import find_written, wait_until_settled
from sf_pipelines.workflows.rows import row_values
from sf_pipelines.workflows.work import REPEATABLE, LoadWork

REPEAT_ATTEMPTS = 3

ALREADY_DELETED = "ENTITY_IS_DELETED"
"""What a delete that is sent again says of a record that its first sending has deleted."""


@dataclass(slots=True)
class _Call:
    """One chunk on its way: what is known of each row, and of the newest request."""

    work: LoadWork
    plan: ChunkPlan
    batch: pa.RecordBatch
    is_unknown: bool
    outcomes: list[RecordOutcome | None]
    request: UUID | None = None
    request_id: str = ""
    sent_at: datetime | None = None
    lost: UnknownOutcomeError | None = None


def send_by_rest(work: LoadWork, chunks: Sequence[ChunkState]) -> None:
    """Send every chunk that has no outcome, and store each call's outcomes before the next call.

    Raises:
        SalesforceError: the org refuses a whole call, or cannot be reached; what was stored before stays.
    """
    states = {state.plan.chunk: state for state in chunks}
    waiting = [work.chunk(state.plan) for state in chunks if not state.has_outcome]
    sent = 0
    for chunk, batch in read_ranges(waiting):
        state = states[chunk.number]
        call = _Call(
            work=work,
            plan=state.plan,
            batch=batch,
            is_unknown=state.request_step in ("intent", "unknown"),
            outcomes=[None] * batch.num_rows,
        )
        _send_surely(call)
        _store(call)
        sent += batch.num_rows
        work.tell(f"{sent:,} of {sum(item.rows for item in waiting):,} rows sent over REST.")


def store_unknown(work: LoadWork, state: ChunkState, batch: pa.RecordBatch) -> None:
    """Store what is known of a chunk that is given up: an insert is asked for, nothing is sent."""
    call = _Call(work=work, plan=state.plan, batch=batch, is_unknown=True, outcomes=[None] * batch.num_rows)
    if work.sync.operation is Operation.INSERT:
        _mark_written(call)
    _store(call)


def _send_surely(call: _Call) -> None:
    for _ in range(REPEAT_ATTEMPTS):
        if call.is_unknown and call.work.sync.operation not in REPEATABLE:
            _mark_written(call)
        if None not in call.outcomes or _send_once(call):
            return
    if call.work.sync.operation not in REPEATABLE:
        _mark_written(call)


def _send_once(call: _Call) -> bool:
    """Send the rows whose outcome is open; False where the answer was lost."""
    work, ledger = call.work, call.work.tools.ledger
    places = [index for index, outcome in enumerate(call.outcomes) if outcome is None]
    rows = call.batch if len(places) == call.batch.num_rows else call.batch.take(pa.array(places))
    records = to_json_records(rows, work.describe, work.sync.sobject)
    call.request = ledger.record_request(work.run_id, chunk=call.plan.chunk, attempt=work.attempt)
    call.sent_at = work.tools.clock()
    try:
        response = _write(work, call.plan, records)
    except UnknownOutcomeError as error:
        ledger.record_request_ended(call.request, "unknown", request_id=error.request_id, error=str(error))
        call.is_unknown, call.lost = True, error
        call.request_id = error.request_id or ""
        return False
    except SalesforceError as error:
        # nothing was written, so the next process need not ask for these rows
        ledger.record_request_ended(call.request, "refused", request_id=error.request_id, error=str(error))
        raise
    call.request_id = response.request_id
    for place, outcome in zip(places, response.outcomes, strict=True):
        call.outcomes[place] = _as_first_sent(call, outcome)
    return True


def _write(work: LoadWork, plan: ChunkPlan, records: Sequence[Mapping[str, Any]]) -> WriteResponse:
    external_id = work.sync.key if work.sync.operation is Operation.UPSERT else None
    if plan.collection_rows is None:
        return work.tools.client.rest.write(
            work.sync.sobject, work.sync.operation, records, external_id_field=external_id
        )
    return work.tools.client.rest.write(
        work.sync.sobject,
        work.sync.operation,
        records,
        external_id_field=external_id,
        collection_rows=plan.collection_rows,
    )


def _as_first_sent(call: _Call, outcome: RecordOutcome) -> RecordOutcome:
    """A record that is gone was deleted by the sending whose answer was lost."""
    is_gone = outcome.error is not None and outcome.error.code == ALREADY_DELETED
    if is_gone and call.is_unknown and call.work.sync.operation is Operation.DELETE:
        return RecordOutcome(state=OutcomeState.SUCCEEDED)
    return outcome


def _mark_written(call: _Call) -> None:
    """Ask the org which of the open rows it holds."""
    wait_until_settled(call.work, call.sent_at)
    places = [index for index, outcome in enumerate(call.outcomes) if outcome is None]
    found = find_written(call.work, call.batch.take(pa.array(places)))
    for place, is_written in zip(places, found, strict=True):
        if is_written:
            call.outcomes[place] = RecordOutcome(state=OutcomeState.SUCCEEDED, created=True)


def _store(call: _Call) -> None:
    outcomes = [outcome or _unknown(call) for outcome in call.outcomes]
    counts = _count(outcomes)
    work = call.work
    work.tools.ledger.store_outcomes(
        work.run_id,
        chunk=call.plan.chunk,
        rail=Rail.REST,
        counts=counts,
        failed=_failed_records(call, outcomes),
        request=call.request,
        request_id=call.request_id,
        disagreements=[item.stored() for item in _disagreements(call, counts)],
        accepted=accepted_rows(work, [call.batch], _rejected_keys(call, outcomes)),
    )


def _unknown(call: _Call) -> RecordOutcome:
    message = f"The answer was lost, the org may hold this record: ask by its key first. {call.lost or ''}"
    error = RecordError(code=OUTCOME_UNKNOWN, message=message.strip())
    return RecordOutcome(state=OutcomeState.UNPROCESSED, error=error)


def _disagreements(call: _Call, counts: OutcomeCounts) -> Iterator[Disagreement]:
    """A row whose end is not known is not accounted for, and no tolerance covers it."""
    if rows := counts.errors.get(OUTCOME_UNKNOWN):
        text = (
            f"The answer to request {call.request_id} was lost: the org may or may not hold its "
            f"{rows:,} rows."
        )
        yield Disagreement(kind=DisagreementKind.ROWS, text=text)


def _count(outcomes: Sequence[RecordOutcome]) -> OutcomeCounts:
    states = Counter(outcome.state for outcome in outcomes)
    return OutcomeCounts(
        submitted=len(outcomes),
        succeeded=states[OutcomeState.SUCCEEDED],
        failed=states[OutcomeState.FAILED],
        unprocessed=states[OutcomeState.UNPROCESSED],
        created=sum(outcome.created for outcome in outcomes),
        errors=Counter(outcome.error.code for outcome in outcomes if outcome.error is not None),
    )


def _failed_records(call: _Call, outcomes: Sequence[RecordOutcome]) -> Iterator[FailedRecord]:
    for index, outcome in enumerate(outcomes):
        if outcome.error is not None:
            yield failed_record(
                call.work,
                call.plan,
                row_values(call.batch, index),
                outcome.error,
                state=outcome.state,
                request_id=call.request_id or None,
            )


def _rejected_keys(call: _Call, outcomes: Sequence[RecordOutcome]) -> set[str | None]:
    keys = call.batch.column(call.work.sync.key)
    return {keys[index].as_py() for index, outcome in enumerate(outcomes) if outcome.error is not None}
