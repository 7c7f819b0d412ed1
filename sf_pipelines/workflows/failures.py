"""A row that did not reach the org, with its class and when it may be sent again."""

from __future__ import annotations

from collections.abc import Mapping

from sf_pipelines.ledger.load_verbs import ChunkPlan
from sf_pipelines.model.outcome import FailedRecord, OutcomeState, RecordError
from sf_pipelines.policy.failure_classes import classify
from sf_pipelines.policy.retry_plan import next_attempt_at
from sf_pipelines.workflows.redaction import redact_error, redact_values
from sf_pipelines.workflows.rows import payload_hash
from sf_pipelines.workflows.work import LoadWork


def failed_record(
    work: LoadWork,
    plan: ChunkPlan,
    values: Mapping[str, str | None],
    error: RecordError,
    *,
    state: OutcomeState,
    job_id: str | None = None,
    request_id: str | None = None,
) -> FailedRecord:
    """The record as the ledger keeps it, without the values of sensitive fields."""
    failure_class, sensitive = classify(error.code), work.sync.sensitive_fields
    return FailedRecord(
        source_key=values.get(work.sync.key) or "",
        values=redact_values(values, sensitive) if sensitive else values,
        payload_hash=payload_hash(values),
        state=state,
        error=redact_error(error, values, sensitive) if sensitive else error,
        chunk=plan.chunk,
        job_id=job_id,
        request_id=request_id,
        attempt=plan.attempt,
        failure_class=failure_class,
        next_attempt_at=next_attempt_at(failure_class, now=work.tools.clock()),
    )
