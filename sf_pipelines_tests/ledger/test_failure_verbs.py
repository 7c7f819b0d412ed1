from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine

from sf_pipelines.ledger.failure_queries import (
    FailureFilter,
    count_failures,
    life_of_record,
    open_records,
    partitions_to_resend,
    rows_left,
    stream_failures,
)
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.outcome import FailedRecord, FailureClass, OutcomeCounts, Verdict, VerdictState
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.policy.retry_plan import LATER_ATTEMPTS, next_attempt_at
from sf_pipelines_tests.ledger.samples import NOON, counts, failed_record

SYNC = "account_load"
LOCKED = replace(
    failed_record("a-1", code="UNABLE_TO_LOCK_ROW"),
    failure_class=FailureClass.LOCK,
    next_attempt_at=NOON + timedelta(minutes=15),
)


def fail(
    ledger: Ledger, *records: FailedRecord, previous: UUID | None = None, partition: str = "2026-01-05"
) -> UUID:
    run_id = ledger.start_run(
        sync=SYNC,
        sobject="Account",
        direction=Direction.LOAD,
        partition_key=partition,
        dagster_run_id=None,
        previous_run=previous,
        scope="retryable" if previous else "all",
    )
    outcome = counts(succeeded=2, errors={record.error.code: 1 for record in records})
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.BULK, counts=outcome, failed=records)
    return run_id


def at_noon(failure_class: FailureClass, runs: int) -> datetime | None:
    return next_attempt_at(failure_class, now=NOON, run_attempts=runs)


def open_keys(engine: Engine) -> list[str]:
    return sorted(row.source_key for row in stream_failures(engine, FailureFilter(), limit=None))


def test_a_record_that_fails_again_is_open_once_and_knows_how_often_it_was_sent(
    ledger: Ledger, engine: Engine
) -> None:
    first = fail(ledger, LOCKED, failed_record("a-2"))
    second = fail(ledger, LOCKED)

    assert ledger.supersede_failed(second, SYNC, next_attempt=at_noon) == 1

    assert open_keys(engine) == ["a-1", "a-2"]
    life = life_of_record(engine, "a-1")
    assert [(step.record.run_id, step.superseded_by) for step in life] == [(first, second), (second, None)]
    assert life[1].record.next_attempt_at == NOON + timedelta(minutes=30)


def test_after_so_many_runs_a_record_waits_for_a_person(ledger: Ledger, engine: Engine) -> None:
    for _ in range(LATER_ATTEMPTS):
        ledger.supersede_failed(fail(ledger, LOCKED), SYNC, next_attempt=at_noon)

    (record,) = open_records(engine, SYNC)
    assert record.next_attempt_at is None


def test_superseding_twice_changes_nothing_more(ledger: Ledger, engine: Engine) -> None:
    fail(ledger, LOCKED)
    second = fail(ledger, LOCKED)
    ledger.supersede_failed(second, SYNC, next_attempt=at_noon)
    before = life_of_record(engine, "a-1")

    assert ledger.supersede_failed(second, SYNC, next_attempt=at_noon) == 0
    assert life_of_record(engine, "a-1") == before


def test_records_of_another_load_are_left_alone(ledger: Ledger, engine: Engine) -> None:
    fail(ledger, LOCKED)
    other = ledger.start_run(
        sync="contact_load",
        sobject="Contact",
        direction=Direction.LOAD,
        partition_key=None,
        dagster_run_id=None,
    )

    assert ledger.supersede_failed(other, "contact_load", next_attempt=at_noon) == 0
    assert ledger.supersede_gone(other, "contact_load") == 0
    assert open_keys(engine) == ["a-1"]


def test_what_a_whole_load_no_longer_has_is_closed(ledger: Ledger, engine: Engine) -> None:
    fail(ledger, LOCKED, failed_record("a-2"))
    whole = fail(ledger)

    assert ledger.supersede_gone(whole, SYNC) == 2
    assert count_failures(engine, FailureFilter()) == []


def test_rows_left_are_counted_over_all_runs_that_sent_a_load(ledger: Ledger, engine: Engine) -> None:
    first = fail(ledger, LOCKED, failed_record("a-2"), failed_record("a-3"))
    ledger.finish_run(
        first,
        verdict=_verdict(),
        counts=OutcomeCounts(submitted=5, succeeded=2, failed=3),
        api_calls=1,
    )
    again = fail(ledger, LOCKED, previous=first)
    ledger.resolve_failed(again, SYNC, ["a-2"])
    ledger.supersede_failed(again, SYNC, next_attempt=at_noon)

    left = rows_left(engine, again)

    assert (left.submitted, left.rows) == (5, 2)


def test_partitions_with_open_records_come_newest_first(ledger: Ledger, engine: Engine) -> None:
    fail(ledger, failed_record("a-1"), partition="2026-01-05")
    fail(ledger, failed_record("a-2"), partition="2026-01-06")

    assert partitions_to_resend(engine, SYNC) == ["2026-01-06", "2026-01-05"]


def _verdict() -> Verdict:
    return Verdict(state=VerdictState.REJECTS_BEYOND_TOLERANCE, text="3 of 5 rows did not reach the org.")
