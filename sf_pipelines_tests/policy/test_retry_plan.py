from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.config.limits import BULK_BATCH_ROWS, COLLECTION_MAX_ROWS, COMPOSITE_MAX_ROWS
from sf_pipelines.model.outcome import FailureClass
from sf_pipelines.model.rail import Rail
from sf_pipelines.policy.failure_classes import CONSERVATIVE, classify
from sf_pipelines.policy.retry_plan import LATER_ATTEMPTS, MAX_ATTEMPTS, next_attempt_at, next_step

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
RAILS = st.sampled_from([Rail.REST, Rail.BULK])


@pytest.mark.parametrize(
    ("code", "failure_class"),
    [
        ("UNABLE_TO_LOCK_ROW", FailureClass.LOCK),
        ("TooManyLockFailure", FailureClass.LOCK),
        ("EXCEEDEDQUOTA", FailureClass.QUOTA),
        ("REQUEST_LIMIT_EXCEEDED", FailureClass.QUOTA),
        ("REQUIRED_FIELD_MISSING", FailureClass.DATA),
        ("DUPLICATES_DETECTED", FailureClass.DUPLICATE),
        ("INSUFFICIENT_ACCESS_OR_READONLY", FailureClass.PERMISSION),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", FailureClass.ORG),
        ("UNKNOWN_EXCEPTION", FailureClass.TRANSIENT),
        ("OUTCOME_UNKNOWN", FailureClass.UNKNOWN),
        ("A_CODE_OF_NEXT_YEAR", CONSERVATIVE),
        ("", CONSERVATIVE),
    ],
)
def test_a_code_has_its_class_however_it_is_spelled(code: str, failure_class: FailureClass) -> None:
    assert classify(code) is failure_class


def test_a_code_that_nobody_knows_is_never_sent_again_by_itself() -> None:
    assert next_attempt_at(classify("A_CODE_OF_NEXT_YEAR"), now=NOON) is None


@given(RAILS, st.integers(1, 200_000))
def test_attempts_are_bounded_and_each_is_smaller_than_the_one_before(rail: Rail, rows: int) -> None:
    sizes: list[int] = []
    attempt = 1
    while step := next_step(attempt=attempt, rail=rail, rows=rows):
        assert step.one_at_a_time
        sizes.append(step.chunk_rows)
        attempt, rail = attempt + 1, step.rail

    assert attempt == MAX_ATTEMPTS
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= BULK_BATCH_ROWS


@given(st.integers(1, 5), st.integers(1, 10_000_000))
def test_a_call_never_holds_more_than_composite_takes(attempt: int, rows: int) -> None:
    step = next_step(attempt=attempt, rail=Rail.REST, rows=rows)

    assert step is None or (step.chunk_rows <= COMPOSITE_MAX_ROWS)
    assert step is None or (step.collection_rows or 0) < COLLECTION_MAX_ROWS


@pytest.mark.parametrize(
    ("attempt", "rail", "rows", "expected"),
    [
        pytest.param(1, Rail.BULK, 60_000, Rail.BULK, id="many rows of a job go by smaller jobs"),
        pytest.param(1, Rail.BULK, 500, Rail.REST, id="a few go by Collections at once"),
        pytest.param(2, Rail.BULK, 20_000, Rail.REST, id="what stays locked goes by Collections"),
        pytest.param(2, Rail.BULK, 60_000, Rail.BULK, id="unless that were too many calls"),
        pytest.param(1, Rail.REST, 60_000, Rail.REST, id="what came by REST stays there"),
    ],
)
def test_locked_rows_go_by_ever_smaller_transactions(
    attempt: int, rail: Rail, rows: int, expected: Rail
) -> None:
    step = next_step(attempt=attempt, rail=rail, rows=rows)

    assert step is not None
    assert step.rail is expected


def test_nothing_locked_needs_no_step() -> None:
    assert next_step(attempt=1, rail=Rail.BULK, rows=0) is None


@pytest.mark.parametrize(
    "failure_class", [FailureClass.DATA, FailureClass.PERMISSION, FailureClass.DUPLICATE]
)
def test_what_a_person_must_mend_waits_for_a_person(failure_class: FailureClass) -> None:
    assert next_attempt_at(failure_class, now=NOON) is None


def test_each_run_that_fails_doubles_the_wait_and_at_last_a_person_is_asked() -> None:
    waits = [
        next_attempt_at(FailureClass.QUOTA, now=NOON, run_attempts=number)
        for number in range(1, LATER_ATTEMPTS + 1)
    ]

    assert waits == [NOON + timedelta(hours=hours) for hours in (1, 2, 4, 8)] + [None]
