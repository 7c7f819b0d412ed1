"""The cost model reckoned by hand: REST 0.2 s a call and 250 rows a second, Bulk 10 s and 1,000 rows, ..."""

from __future__ import annotations

import pytest

from sf_pipelines.model.decision import RailCost
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.costs import cost
from sf_pipelines.policy.performance import PRIORS, History, Performance
from sf_pipelines_tests.policy.slices import extract_slice, load_slice

MB = 1_000_000


@pytest.mark.parametrize(
    ("slice_", "rail", "api_calls", "jobs", "batches", "seconds"),
    [
        pytest.param(load_slice(0), Rail.REST, 0, 0, 0, 0.0, id="REST load of nothing sends nothing"),
        pytest.param(load_slice(1), Rail.REST, 1, 0, 0, 0.204, id="REST load of one row is one call"),
        pytest.param(
            load_slice(1_000), Rail.REST, 1, 0, 0, 4.2, id="REST load of 1,000 rows is one Composite"
        ),
        pytest.param(load_slice(1_001), Rail.REST, 2, 0, 0, 4.404, id="REST load of 1,001 rows is two"),
        pytest.param(
            load_slice(1_000, 40 * MB),
            Rail.REST,
            3,
            0,
            0,
            4.6,
            id="REST load of 40 MB needs three 50 MB bodies",
        ),
        pytest.param(load_slice(0), Rail.BULK, 0, 0, 0, 10.0, id="Bulk load of nothing makes no job"),
        pytest.param(load_slice(1), Rail.BULK, 12, 1, 1, 11.201, id="Bulk load of one row is a whole job"),
        pytest.param(
            load_slice(1, 0), Rail.BULK, 12, 1, 1, 11.201, id="a row without a known size is a job too"
        ),
        pytest.param(
            load_slice(200_000, 20 * MB),
            Rail.BULK,
            13,
            1,
            20,
            211.2,
            id="Bulk load of 200,000 rows is 20 batches",
        ),
        pytest.param(
            load_slice(3_000_000, 250 * MB),
            Rail.BULK,
            71,
            3,
            300,
            3013.6,
            id="Bulk load of 250 MB is three jobs",
        ),
        pytest.param(extract_slice(0), Rail.REST, 1, 0, 0, 0.2, id="REST extract of nothing still asks"),
        pytest.param(extract_slice(2_000), Rail.REST, 1, 0, 0, 0.867, id="REST extract of one page"),
        pytest.param(extract_slice(2_001), Rail.REST, 2, 0, 0, 1.067, id="REST extract of two pages"),
        pytest.param(
            extract_slice(0), Rail.BULK, 8, 1, 0, 10.4, id="Bulk extract: create, six polls, a page"
        ),
        pytest.param(
            extract_slice(1_000_000),
            Rail.BULK,
            17,
            1,
            0,
            62.2,
            id="Bulk extract of a million rows is ten pages",
        ),
    ],
)
def test_a_slice_costs(
    slice_: Slice, rail: Rail, api_calls: int, jobs: int, batches: int, seconds: float
) -> None:
    assert cost(slice_, rail, PRIORS[rail, slice_.direction]) == RailCost(
        rail=rail,
        api_calls=api_calls,
        jobs=jobs,
        batches=batches,
        bytes_raw=slice_.bytes_raw,
        seconds=seconds,
    )


def test_a_million_rows_by_bulk_take_under_a_hundred_calls() -> None:
    for slice_ in (load_slice(1_000_000, 200 * MB), extract_slice(1_000_000)):
        assert cost(slice_, Rail.BULK, PRIORS[Rail.BULK, slice_.direction]).api_calls < 100


def test_change_data_capture_has_no_price_for_a_movement_that_was_asked_for() -> None:
    with pytest.raises(KeyError):
        cost(load_slice(1), Rail.CDC, PRIORS[Rail.REST, load_slice(1).direction])


def test_what_history_has_learned_takes_the_place_of_a_prior_and_of_that_one_only() -> None:
    direction = load_slice(1).direction
    slow = Performance(setup_seconds=0.0, call_seconds=2.0, rows_per_second=10.0)
    history = History(learned={(Rail.REST, direction): slow})

    assert history.of(Rail.REST, direction) is slow
    assert history.of(Rail.BULK, direction) is PRIORS[Rail.BULK, direction]
