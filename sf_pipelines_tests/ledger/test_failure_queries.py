from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine

from sf_pipelines.ledger.failure_queries import (
    FailureFilter,
    count_failures,
    keys_like,
    life_of_record,
    previous_run,
    red_loads,
    stream_failures,
)
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.outcome import FailedRecord, FailureClass, Verdict, VerdictState
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines_tests.ledger.samples import NOON, counts, failed_record, start_load

LOCKED = replace(
    failed_record("a-2", code="UNABLE_TO_LOCK_ROW", message="locked"),
    failure_class=FailureClass.LOCK,
    next_attempt_at=NOON + timedelta(minutes=15),
)
WRONG = replace(failed_record("a-1"), failure_class=FailureClass.DATA)


def fail(ledger: Ledger, *records: FailedRecord, sync: str = "account_load") -> UUID:
    """One run that ends red with these records."""
    run_id = start_load(ledger, sync)
    errors = {record.error.code: 1 for record in records}
    outcome = counts(succeeded=1, errors=errors)
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.BULK, counts=outcome, failed=records)
    end(ledger, run_id, VerdictState.REJECTS_BEYOND_TOLERANCE)
    return run_id


def end(ledger: Ledger, run_id: UUID, state: VerdictState) -> None:
    ledger.finish_run(run_id, verdict=Verdict(state=state, text="It ended."), counts=counts(), api_calls=1)


def test_open_records_are_counted_exactly_by_load_and_code_with_the_time_of_the_next_attempt(
    ledger: Ledger, engine: Engine
) -> None:
    fail(ledger, WRONG, LOCKED)
    fail(ledger, WRONG, sync="contact_load")

    found = {(item.sync, item.code): item for item in count_failures(engine, FailureFilter())}

    assert {key: item.rows for key, item in found.items()} == {
        ("account_load", "REQUIRED_FIELD_MISSING"): 1,
        ("account_load", "UNABLE_TO_LOCK_ROW"): 1,
        ("contact_load", "REQUIRED_FIELD_MISSING"): 1,
    }
    locked = found["account_load", "UNABLE_TO_LOCK_ROW"]
    assert (locked.rows_waiting, locked.waits_for) == (1, NOON + timedelta(minutes=15))
    assert (locked.failure_class, locked.sample_key) == ("lock", "a-2")
    assert found["account_load", "REQUIRED_FIELD_MISSING"].waits_for is None


@pytest.mark.parametrize(
    ("which", "keys"),
    [
        pytest.param(FailureFilter(), ["a-1", "a-2", "a-1"], id="without a filter, all open ones"),
        pytest.param(FailureFilter(sync="contact_load"), ["a-1"], id="of one load"),
        pytest.param(FailureFilter(code="UNABLE_TO_LOCK_ROW"), ["a-2"], id="of one code"),
        pytest.param(FailureFilter(failure_class=FailureClass.DATA), ["a-1", "a-1"], id="of one class"),
        pytest.param(FailureFilter(source_key="a-2"), ["a-2"], id="of one key"),
        pytest.param(FailureFilter(is_open=False), [], id="resolved ones, of which there are none"),
    ],
)
def test_a_filter_lets_through_what_it_names(
    ledger: Ledger, engine: Engine, which: FailureFilter, keys: list[str]
) -> None:
    fail(ledger, WRONG, LOCKED)
    fail(ledger, WRONG, sync="contact_load")

    assert sorted(row.source_key for row in stream_failures(engine, which, limit=None)) == sorted(keys)


def test_a_record_that_a_later_run_got_through_is_no_longer_open(ledger: Ledger, engine: Engine) -> None:
    fail(ledger, WRONG)
    later = start_load(ledger)
    ledger.resolve_failed(later, "account_load", ["a-1"])

    assert count_failures(engine, FailureFilter()) == []
    assert [item.rows for item in count_failures(engine, FailureFilter(is_open=False))] == [1]


def test_the_life_of_a_record_names_each_time_it_failed_and_the_run_that_got_it_through(
    ledger: Ledger, engine: Engine
) -> None:
    first = fail(ledger, WRONG)
    second = fail(ledger, WRONG, LOCKED)
    later = start_load(ledger)
    ledger.resolve_failed(later, "account_load", ["a-1"])
    end(ledger, later, VerdictState.COMPLETE)

    life = life_of_record(engine, "a-1")

    assert [step.record.run_id for step in life] == [first, second]
    assert {step.record.resolved_by for step in life} == {later}
    assert {step.resolved_state for step in life} == {"complete"}
    assert (life[0].carrier, life[0].run_state, life[0].partition_key) == (
        "bulk",
        "rejects_beyond_tolerance",
        "2026-01-05",
    )
    assert life_of_record(engine, "a-1", sync="contact_load") == []


def test_a_partition_is_red_until_its_newest_load_is_green(ledger: Ledger, engine: Engine) -> None:
    fail(ledger, WRONG)
    newest = fail(ledger, WRONG)
    assert [load.run_id for load in red_loads(engine)] == [newest]

    end(ledger, start_load(ledger), VerdictState.REJECTS_WITHIN_TOLERANCE)
    assert red_loads(engine) == []


def test_a_load_under_way_does_not_hide_the_red_one_before_it(ledger: Ledger, engine: Engine) -> None:
    red = fail(ledger, WRONG)
    start_load(ledger)

    assert [load.run_id for load in red_loads(engine)] == [red]


def test_a_mistyped_key_is_met_with_those_that_hold_its_text(ledger: Ledger, engine: Engine) -> None:
    fail(ledger, WRONG, LOCKED)

    assert keys_like(engine, "A-", limit=5) == ["a-1", "a-2"]
    assert keys_like(engine, "%", limit=5) == []


def test_the_previous_attempt_is_the_dagster_run_before_of_the_same_load_and_partition(
    ledger: Ledger, engine: Engine
) -> None:
    first = fail(ledger, WRONG)
    second = ledger.start_run(
        sync="account_load",
        sobject="Account",
        direction=Direction.LOAD,
        partition_key="2026-01-05",
        dagster_run_id="d-2",
    )

    assert previous_run(engine, second) == "d-1"
    assert previous_run(engine, first) is None
