"""The REST side of a load: one Composite call per 1,000 rows, outcomes stored call by call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

import pyarrow as pa
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from sf_pipelines.config.limits import COMPOSITE_MAX_ROWS
from sf_pipelines.lake.json_rows import to_json_records
from sf_pipelines.lake.payload import Payload
from sf_pipelines.model.describe import SObjectDescribe
from sf_pipelines.model.outcome import (
    FailedRecord,
    OutcomeCounts,
    OutcomeState,
    RecordError,
    RecordOutcome,
)
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.rails.errors import UnknownOutcomeError
from sf_pipelines.rails.ports import WriteResponse
from sf_pipelines.workflows.rows import payload_hash, row_values
from sf_pipelines.workflows.sent import Sent
from sf_pipelines.workflows.tools import Tools

REPEATABLE = frozenset({Operation.UPSERT, Operation.UPDATE, Operation.DELETE})
"""Writes that end the same when sent twice; an insert whose answer was lost may not be sent again blindly."""

REPEAT_ATTEMPTS = 3

OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
"""Code of a row that the org may or may not have written."""


def load_by_rest(
    sync: LoadSync, describe: SObjectDescribe, payload: Payload, tools: Tools, run_id: UUID
) -> Sent:
    """Send every row of a payload over REST and store each call's outcomes before the next call."""
    total = Sent()
    for number, batch in enumerate(_calls(payload)):
        response = _write(sync, to_json_records(batch, describe, sync.sobject), tools)
        counts = _count(response.outcomes)
        failed = _failed_records(sync, batch, response, number)
        tools.ledger.store_outcomes(run_id, chunk=number, rail=Rail.REST, counts=counts, failed=failed)
        total += Sent(counts=counts, disagreements=tuple(_unknown(counts, response)))
        tools.tell(f"{sync.name}: {total.counts.submitted:,} of {payload.rows:,} rows sent over REST.")
    return total


def _calls(payload: Payload) -> Iterator[pa.RecordBatch]:
    for chunk in payload.chunks:
        for batch in chunk.batches():
            bounds = [*range(0, batch.num_rows, COMPOSITE_MAX_ROWS), batch.num_rows]
            for start, end in pairwise(bounds):
                yield batch.slice(start, end - start)


def _write(sync: LoadSync, records: Sequence[Mapping[str, Any]], tools: Tools) -> WriteResponse:
    external_id = sync.key if sync.operation is Operation.UPSERT else None

    def send() -> WriteResponse:
        return tools.client.rest.write(sync.sobject, sync.operation, records, external_id_field=external_id)

    attempts = REPEAT_ATTEMPTS if sync.operation in REPEATABLE else 1
    repeated = Retrying(
        retry=retry_if_exception_type(UnknownOutcomeError), stop=stop_after_attempt(attempts), reraise=True
    )
    try:
        return repeated(send)
    except UnknownOutcomeError as error:
        return _all_unknown(len(records), error)


def _all_unknown(rows: int, error: UnknownOutcomeError) -> WriteResponse:
    unknown = RecordOutcome(
        state=OutcomeState.UNPROCESSED,
        error=RecordError(
            code=OUTCOME_UNKNOWN,
            message=f"The answer was lost, the org may hold this record: ask by its key first. {error}",
        ),
    )
    return WriteResponse(outcomes=(unknown,) * rows, request_id=error.request_id or "")


def _unknown(counts: OutcomeCounts, response: WriteResponse) -> Iterator[str]:
    """A row whose end is not known is not accounted for, and no tolerance covers it."""
    if rows := counts.errors.get(OUTCOME_UNKNOWN):
        yield (
            f"The answer to request {response.request_id} was lost: the org may or may not hold its "
            f"{rows:,} rows."
        )


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


def _failed_records(
    sync: LoadSync, batch: pa.RecordBatch, response: WriteResponse, number: int
) -> Iterator[FailedRecord]:
    for index, outcome in enumerate(response.outcomes):
        if outcome.error is None:
            continue
        values = row_values(batch, index)
        yield FailedRecord(
            source_key=values[sync.key] or "",
            values=values,
            payload_hash=payload_hash(values),
            state=outcome.state,
            error=outcome.error,
            chunk=number,
            request_id=response.request_id,
        )
