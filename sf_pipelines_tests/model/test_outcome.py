from __future__ import annotations

import pytest

from sf_pipelines.model.outcome import OutcomeCounts, VerdictState

FIRST = OutcomeCounts(submitted=10, succeeded=7, failed=2, unprocessed=1, created=3, errors={"A": 2, "B": 1})
SECOND = OutcomeCounts(submitted=5, succeeded=4, failed=1, created=4, errors={"B": 1})


def test_accounted_rows_are_those_with_a_known_end() -> None:
    assert FIRST.accounted == 10
    assert OutcomeCounts(submitted=10, succeeded=4).accounted == 4


def test_rejected_rows_are_failed_and_unprocessed_ones() -> None:
    assert FIRST.rejected == 3


def test_counts_of_two_chunks_add_up_code_by_code() -> None:
    assert (
        OutcomeCounts(submitted=15, succeeded=11, failed=3, unprocessed=1, created=7, errors={"A": 2, "B": 2})
        == FIRST + SECOND
    )


def test_adding_leaves_the_chunks_as_they_were() -> None:
    _ = FIRST + SECOND
    assert FIRST.errors == {"A": 2, "B": 1}
    assert SECOND.errors == {"B": 1}


@pytest.mark.parametrize(
    ("state", "is_green"),
    [
        (VerdictState.COMPLETE, True),
        (VerdictState.REJECTS_WITHIN_TOLERANCE, True),
        (VerdictState.REJECTS_BEYOND_TOLERANCE, False),
        (VerdictState.ROWS_UNACCOUNTED, False),
    ],
)
def test_only_complete_and_tolerable_ends_are_green(state: VerdictState, is_green: bool) -> None:
    assert state.is_green is is_green
