"""The accounting law, over every way in which results can contradict what was sent."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.model.outcome import OutcomeCounts
from sf_pipelines.policy.accounting import (
    Disagreement,
    DisagreementKind,
    Hashes,
    JobCounters,
    account,
    balance,
    read_disagreement,
)

ROWS = st.lists(st.integers(min_value=0, max_value=6), max_size=20)


def hashes(rows: list[int]) -> Hashes:
    return np.array(rows, dtype=np.uint64)


def told(
    sent: list[int], ok: list[int], bad: list[int], rest: list[int], *, processed: int = 0, failed: int = 0
) -> tuple[Disagreement, ...]:
    counts = OutcomeCounts(submitted=len(sent), succeeded=len(ok), failed=len(bad), unprocessed=len(rest))
    job = JobCounters(
        name="750", processed=len(ok) + len(bad) + processed, failed=len(bad) + failed, is_complete=True
    )
    return account(counts, sent=hashes(sent), answered=[hashes(part) for part in (ok, bad, rest)], job=job)


@given(ROWS, st.randoms())
def test_results_in_any_order_and_of_any_kind_agree_with_what_was_sent(rows: list[int], random) -> None:
    answered = random.sample(rows, len(rows))
    first, second = sorted((random.randint(0, len(rows)), random.randint(0, len(rows))))

    assert told(rows, answered[:first], answered[first:second], answered[second:]) == ()


@given(ROWS, ROWS)
def test_rows_and_results_agree_exactly_when_they_are_the_same_multiset(
    sent: list[int], answered: list[int]
) -> None:
    found = [item.kind for item in told(sent, answered, [], [])]

    assert found == ([] if Counter(sent) == Counter(answered) else [DisagreementKind.ROWS])


@given(ROWS, ROWS)
def test_both_numbers_of_a_disagreement_are_exact(sent: list[int], answered: list[int]) -> None:
    unanswered, foreign = balance(hashes(sent), hashes(answered))

    assert unanswered == (Counter(sent) - Counter(answered)).total()
    assert foreign == (Counter(answered) - Counter(sent)).total()


@given(ROWS, st.integers(-5, 5), st.integers(-5, 5))
def test_a_counter_that_differs_is_told_and_never_hidden(
    rows: list[int], processed: int, failed: int
) -> None:
    found = told(rows, rows, [], [], processed=processed, failed=failed)

    assert len(found) == bool(processed) + bool(failed)
    assert all(item.kind is DisagreementKind.COUNTER for item in found)


def test_a_job_that_ended_early_may_have_counted_less_than_its_files_hold() -> None:
    counts = OutcomeCounts(submitted=2, succeeded=1, unprocessed=1)
    job = JobCounters(name="750", processed=0, failed=0, is_complete=False)

    assert account(counts, sent=hashes([1, 2]), answered=[hashes([1]), hashes([2])], job=job) == ()


def test_a_disagreement_comes_back_from_the_ledger_as_it_went_in() -> None:
    item = Disagreement(kind=DisagreementKind.COUNTER, text="Job 750: says 3: or 4.")

    assert read_disagreement(item.stored()) == item
