"""Nouns for the ledger's tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.decision import Action, Decision, RailCost, Reason
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget, Headroom
from sf_pipelines.model.outcome import FailedRecord, OutcomeCounts, OutcomeState, RecordError
from sf_pipelines.model.rail import Direction, Operation, Rail
from sf_pipelines.model.slice import Slice

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Clock:
    """One second later at every look."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def start_load(ledger: Ledger, sync: str = "account_load") -> UUID:
    return ledger.start_run(
        sync=sync,
        sobject="Account",
        direction=Direction.LOAD,
        partition_key="2026-01-05",
        dagster_run_id="d-1",
    )


def record_intent(
    ledger: Ledger, run_id: UUID, *, operation: Operation = Operation.UPSERT, chunk: int = 0
) -> UUID:
    return ledger.record_intent(
        run_id,
        sobject="Account",
        operation=operation,
        chunk=chunk,
        rows=3,
        bytes_raw=300,
        payload_path="spool/0.csv",
    )


def record_counted(ledger: Ledger, journal_id: UUID) -> None:
    ledger.record_counted(
        journal_id,
        state="JobComplete",
        records_processed=3,
        records_failed=1,
        processing_milliseconds=70,
        error_message=None,
    )


def take_to(ledger: Ledger, journal_id: UUID, step: str) -> None:
    """Take the journal of an ingest job from its intent to a step."""
    verbs: dict[str, Any] = {
        "created": lambda: ledger.record_created(journal_id, "750A"),
        "uploaded": lambda: ledger.record_uploaded(journal_id),
        "closed": lambda: ledger.record_closed(journal_id),
        "counted": lambda: record_counted(ledger, journal_id),
    }
    if step == "aborted":
        ledger.record_aborted(journal_id, "upload failed")
        return
    for name, verb in verbs.items():
        if step == "intent":
            return
        verb()
        if name == step:
            return


def failed_record(
    key: str,
    *,
    code: str = "REQUIRED_FIELD_MISSING",
    message: str = "Required fields are missing: [Name]",
    values: Mapping[str, str | None] | None = None,
    fields: tuple[str, ...] = ("Name",),
    state: OutcomeState = OutcomeState.FAILED,
    chunk: int = 0,
) -> FailedRecord:
    return FailedRecord(
        source_key=key,
        values={"Name": None, "City": "Oslo"} if values is None else values,
        payload_hash="ab12",
        state=state,
        error=RecordError(code=code, message=message, fields=fields),
        chunk=chunk,
        job_id="750A",
    )


def counts(*, succeeded: int = 2, errors: Mapping[str, int] | None = None, lost: int = 0) -> OutcomeCounts:
    by_code = {"REQUIRED_FIELD_MISSING": 1} if errors is None else dict(errors)
    failed = sum(by_code.values())
    return OutcomeCounts(
        submitted=succeeded + failed + lost, succeeded=succeeded, failed=failed, created=1, errors=by_code
    )


def decision(*, rail: Rail = Rail.BULK, text: str = "Bulk costs 9 calls.", seconds: float = 12.5) -> Decision:
    return Decision(
        action=Action.RUN,
        rail=rail,
        because=(
            Reason(code="fewest_calls", text=text, figures={"api_calls": 9}),
            Reason(code="in_time", text="It is done in time.", figures={"seconds": seconds}),
        ),
        rejected={Rail.CDC: Reason(code="reads_only", text="CDC only reads.", figures={})},
        costs={
            rail: RailCost(rail=rail, api_calls=9, jobs=1, batches=1, bytes_raw=300, seconds=seconds),
        },
        slice=Slice(
            sync="account_load",
            sobject="Account",
            direction=Direction.LOAD,
            operation=Operation.UPSERT,
            rows=3,
            bytes_raw=300,
        ),
        headroom=Headroom(
            taken_at=NOON, budgets={DAILY_API_REQUESTS: Budget(maximum=100_000, remaining=99_000)}
        ),
        decided_at=NOON,
    )
