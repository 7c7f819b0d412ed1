"""The chaos of change events in short; `make chaos` strikes at every commit and block."""

from __future__ import annotations

import pytest

from sf_pipelines_tests.chaos.change_matrix import ChangeMatrix, ChangePoint, Happening
from sf_pipelines_tests.chaos.strike import Side, Strike


@pytest.fixture(scope="module")
def matrix(postgres_url: str) -> ChangeMatrix:
    """Points on the server of this pytest process."""
    return ChangeMatrix(postgres_url)


@pytest.mark.parametrize(
    "point",
    [
        ChangePoint(happening=Happening.KILLED, strike=Strike(number=9, side=Side.AFTER)),
        ChangePoint(happening=Happening.DATABASE_LOST, strike=Strike(number=9, side=Side.AFTER)),
        ChangePoint(happening=Happening.NETWORK_CUT, strike=Strike(number=9, side=Side.BEFORE)),
        ChangePoint(happening=Happening.TOKEN_REVOKED),
        ChangePoint(happening=Happening.HOLDER_KILLED),
    ],
    ids=str,
)
def test_whatever_happens_no_event_is_lost_and_none_is_stored_twice(
    matrix: ChangeMatrix, point: ChangePoint
) -> None:
    finding = matrix.strike(point)

    assert not finding.is_bad, str(finding)
