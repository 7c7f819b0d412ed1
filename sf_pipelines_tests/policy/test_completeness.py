from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.model.outcome import OutcomeCounts, VerdictState
from sf_pipelines.model.sync import Tolerance
from sf_pipelines.policy.accounting import Disagreement, DisagreementKind
from sf_pipelines.policy.completeness import extract_verdict, load_verdict

ROWS = st.integers(min_value=0, max_value=1_000_000)


@pytest.mark.parametrize(
    ("counts", "tolerance", "state"),
    [
        pytest.param(
            OutcomeCounts(submitted=10, succeeded=10),
            Tolerance(),
            VerdictState.COMPLETE,
            id="every row succeeded",
        ),
        pytest.param(
            OutcomeCounts(), Tolerance(), VerdictState.COMPLETE, id="a load without rows is complete"
        ),
        pytest.param(
            OutcomeCounts(submitted=10, succeeded=9, failed=1),
            Tolerance(rows=1),
            VerdictState.REJECTS_WITHIN_TOLERANCE,
            id="a failed row within tolerance is green",
        ),
        pytest.param(
            OutcomeCounts(submitted=10, succeeded=9, failed=1),
            Tolerance(),
            VerdictState.REJECTS_BEYOND_TOLERANCE,
            id="a failed row beyond tolerance is red",
        ),
        pytest.param(
            OutcomeCounts(submitted=10, succeeded=8, failed=1, unprocessed=1),
            Tolerance(rows=1),
            VerdictState.REJECTS_BEYOND_TOLERANCE,
            id="unprocessed rows count as rejected",
        ),
        pytest.param(
            OutcomeCounts(submitted=10, succeeded=9),
            Tolerance(rows=10),
            VerdictState.ROWS_UNACCOUNTED,
            id="no tolerance covers a row without an end",
        ),
        pytest.param(
            OutcomeCounts(submitted=10, succeeded=11),
            Tolerance(rows=10),
            VerdictState.ROWS_UNACCOUNTED,
            id="more ends than rows are as wrong as fewer",
        ),
    ],
)
def test_a_load_ends(counts: OutcomeCounts, tolerance: Tolerance, state: VerdictState) -> None:
    assert load_verdict(counts, tolerance).state is state


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (DisagreementKind.ROWS, VerdictState.ROWS_UNACCOUNTED),
        (DisagreementKind.COUNTER, VerdictState.COUNTERS_DISAGREE),
    ],
)
def test_a_disagreement_makes_even_matching_sums_red_and_is_told(
    kind: DisagreementKind, state: VerdictState
) -> None:
    told = Disagreement(kind=kind, text="Job 750 says otherwise.")

    verdict = load_verdict(OutcomeCounts(submitted=2, succeeded=2), Tolerance(rows=2), disagreements=(told,))

    assert verdict.state is state
    assert not state.is_green
    assert verdict.text == (
        "2 rows were submitted and 2 are accounted for (2 succeeded, 0 failed, 0 unprocessed). "
        "Job 750 says otherwise."
    )


def test_the_text_of_rejected_rows_names_every_figure() -> None:
    counts = OutcomeCounts(submitted=12_000, succeeded=11_000, failed=900, unprocessed=100)

    assert load_verdict(counts, Tolerance(share=0.05)).text == (
        "1,000 of 12,000 rows did not reach the org (900 failed, 100 unprocessed); the tolerance is 600."
    )


@given(succeeded=ROWS, failed=ROWS, unprocessed=ROWS, lost=st.integers(min_value=1, max_value=1_000))
def test_a_lost_row_is_never_green(succeeded: int, failed: int, unprocessed: int, lost: int) -> None:
    counts = OutcomeCounts(
        submitted=succeeded + failed + unprocessed + lost,
        succeeded=succeeded,
        failed=failed,
        unprocessed=unprocessed,
    )

    assert not load_verdict(counts, Tolerance(rows=10_000_000, share=1.0)).state.is_green


@pytest.mark.parametrize(
    ("reported", "received", "written", "state"),
    [
        pytest.param(5, 5, 5, VerdictState.COMPLETE, id="all three counts agree"),
        pytest.param(0, 0, 0, VerdictState.COMPLETE, id="an empty window is complete"),
        pytest.param(5, 4, 4, VerdictState.ROWS_UNACCOUNTED, id="a row did not arrive"),
        pytest.param(5, 5, 4, VerdictState.ROWS_UNACCOUNTED, id="a row was not written"),
        pytest.param(4, 5, 5, VerdictState.ROWS_UNACCOUNTED, id="a row too many arrived"),
    ],
)
def test_an_extract_ends(reported: int, received: int, written: int, state: VerdictState) -> None:
    assert extract_verdict(reported=reported, received=received, written=written).state is state


def test_the_text_of_an_incomplete_extract_names_all_three_counts() -> None:
    assert extract_verdict(reported=2_000, received=1_999, written=1_998).text == (
        "The org reported 2,000 rows, 1,999 were received and 1,998 written."
    )
