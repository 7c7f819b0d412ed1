from __future__ import annotations

from math import inf

import pytest

from sf_pipelines.model.decision import RailCost
from sf_pipelines.model.headroom import (
    DAILY_API_REQUESTS,
    DAILY_BULK_BATCHES,
    DAILY_BULK_QUERY_JOBS,
    DAILY_BULK_QUERY_STORAGE_MB,
    Budget,
    Headroom,
)
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.policy.budgets import Draw, draws, price_in_calls
from sf_pipelines_tests.policy.slices import NOW, headroom


def rail_cost(rail: Rail) -> RailCost:
    return RailCost(rail=rail, api_calls=10, jobs=2, batches=30, bytes_raw=4_000_001, seconds=1.0)


@pytest.mark.parametrize(
    ("rail", "direction", "used"),
    [
        pytest.param(Rail.REST, Direction.LOAD, {DAILY_API_REQUESTS: 10}, id="a REST load draws calls only"),
        pytest.param(Rail.REST, Direction.EXTRACT, {DAILY_API_REQUESTS: 10}, id="so does a REST extract"),
        pytest.param(
            Rail.BULK,
            Direction.LOAD,
            {DAILY_API_REQUESTS: 10, DAILY_BULK_BATCHES: 30},
            id="a Bulk load draws calls and batches",
        ),
        pytest.param(
            Rail.BULK,
            Direction.EXTRACT,
            {DAILY_API_REQUESTS: 10, DAILY_BULK_QUERY_JOBS: 2, DAILY_BULK_QUERY_STORAGE_MB: 5},
            id="a Bulk extract draws calls, jobs, and storage by the started megabyte",
        ),
    ],
)
def test_a_rail_draws_on_its_quotas(rail: Rail, direction: Direction, used: dict[str, int]) -> None:
    found = {draw.budget: draw.used for draw in draws(rail_cost(rail), direction, headroom(), 0.0)}
    assert found == used


def test_the_reserve_is_rounded_up_and_taken_off_what_remains() -> None:
    few = Headroom(taken_at=NOW, budgets={DAILY_API_REQUESTS: Budget(maximum=101, remaining=21)})

    (draw,) = draws(rail_cost(Rail.REST), Direction.LOAD, few, 0.1)

    assert draw == Draw(budget=DAILY_API_REQUESTS, used=10, available=10, maximum=101)
    assert draw.fits


def test_a_reserve_that_is_already_broken_leaves_nothing_and_not_less() -> None:
    (draw,) = draws(rail_cost(Rail.REST), Direction.LOAD, headroom(DailyApiRequests=5), 0.1)

    assert draw.available == 0
    assert not draw.fits


def test_a_quota_that_the_org_does_not_report_limits_nothing() -> None:
    unknown = Headroom(taken_at=NOW, budgets={})
    assert list(draws(rail_cost(Rail.BULK), Direction.LOAD, unknown, 0.1)) == []


def test_the_scarcer_what_is_left_the_dearer_a_call() -> None:
    prices = [
        Draw(budget=DAILY_API_REQUESTS, used=10, available=left, maximum=100).price_in_calls
        for left in (100, 50, 10, 0)
    ]
    assert prices == [10.0, 20.0, 100.0, inf]


def test_what_is_not_used_costs_nothing_even_where_nothing_is_left() -> None:
    assert Draw(budget=DAILY_API_REQUESTS, used=0, available=0, maximum=100).price_in_calls == 0.0


def test_a_tenth_of_the_batches_weighs_as_much_as_a_tenth_of_the_calls() -> None:
    calls = Draw(budget=DAILY_API_REQUESTS, used=10_000, available=100_000, maximum=100_000)
    batches = Draw(budget=DAILY_BULK_BATCHES, used=1_500, available=15_000, maximum=15_000)
    no_calls = Draw(budget=DAILY_API_REQUESTS, used=0, available=100_000, maximum=100_000)

    assert price_in_calls([calls]) == 10_000
    assert price_in_calls([no_calls, batches]) == pytest.approx(10_000)
