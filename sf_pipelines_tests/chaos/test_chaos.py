"""The crash matrix in short: a few points of each load; `make chaos` strikes at all of them."""

from __future__ import annotations

import pytest

from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines_tests.chaos.matrix import OPERATIONS, RAILS, Matrix, What, sample

POINTS = 2


@pytest.fixture(scope="module")
def matrix(postgres_url: str) -> Matrix:
    """Points on the server of this pytest process."""
    return Matrix(postgres_url)


@pytest.mark.parametrize("what", list(What))
@pytest.mark.parametrize("rail", RAILS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_load_that_is_struck_and_run_again_loses_and_doubles_nothing(
    matrix: Matrix, operation: Operation, rail: Rail, what: What
) -> None:
    points = matrix.points(operation, rail, what)

    findings = [matrix.strike(point) for point in sample(points[1:-1], POINTS)]

    assert [str(finding) for finding in findings if finding.is_bad] == []
