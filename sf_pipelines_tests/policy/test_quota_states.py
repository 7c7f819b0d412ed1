"""Decisions in the states that the quotas, the history and the forecast can be in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sf_pipelines.model.decision import Action, Decision
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget, Headroom
from sf_pipelines.model.outlook import Outlook
from sf_pipelines.model.rail import Criticality, Direction, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.health import Circuit, RailHealth
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS
from sf_pipelines_tests.policy.slices import NOW, extract_slice, headroom, load_slice

CALLS = DAILY_API_REQUESTS
LOAD = Direction.LOAD


def choose(work: Slice, left: Headroom, history: History | None = None) -> Decision:
    return decide(work, left, history or History(), DEFAULT_THRESHOLDS, NOW)


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.because]


def with_outlook(remaining: int, expected: list[float], error: float = 0.0) -> Headroom:
    outlook = Outlook(made_at=NOW, expected=tuple(expected), error=(error,) * len(expected), coverage=0.9)
    left = headroom()
    budget = replace(left.budgets[CALLS], remaining=remaining, outlook=outlook)
    return replace(left, budgets={**left.budgets, CALLS: budget})


DEFERRABLE = load_slice(300, criticality=Criticality.DEFERRABLE)


def test_deferred_work_waits_for_the_hour_at_which_the_forecast_has_room_for_it() -> None:
    decision = choose(DEFERRABLE, with_outlook(20_000, [0, 2_000, 6_000, 6_000, 6_000]))

    assert decision.action is Action.DEFER
    assert decision.defer_until == NOW + timedelta(hours=3)
    assert decision.because[-1].text == "By the forecast it fits at 2026-01-05 04:00Z."


def test_the_lower_edge_of_the_forecast_counts() -> None:
    decision = choose(DEFERRABLE, with_outlook(20_000, [0, 2_000, 6_000, 9_000, 9_000], error=3_000))

    assert decision.defer_until == NOW + timedelta(hours=4)


def test_what_a_neighbour_is_expected_to_take_during_the_work_is_not_ours() -> None:
    long_work = replace(
        extract_slice(20_000_000, refused=("BillingAddress",)), criticality=Criticality.NORMAL
    )
    falling = with_outlook(60_000, [-20_000, -45_000, -45_000])

    assert choose(long_work, falling).action is Action.DEFER
    assert choose(replace(long_work, criticality=Criticality.CRITICAL), falling).action is Action.RUN


def test_a_next_start_that_comes_before_the_room_is_told() -> None:
    work = replace(DEFERRABLE, next_start=NOW + timedelta(hours=2))
    assert codes(choose(work, with_outlook(20_000, [0, 0, 0, 6_000, 6_000])))[-1] == "next_start_comes_first"


def test_what_others_reserved_is_not_there() -> None:
    left = headroom()
    taken = replace(left.budgets[CALLS], remaining=12_000, reserved=2_000)
    left = replace(left, budgets={**left.budgets, CALLS: taken})

    assert choose(load_slice(300), left).action is Action.DEFER


def test_normal_work_is_paced_below_the_level_so_that_it_ends_when_there_is_room_again() -> None:
    work = extract_slice(100_000, refused=("BillingAddress",))
    decision = choose(work, with_outlook(20_000, [0, 30_000, 30_000]))

    assert decision.action is Action.THROTTLE
    seconds = 50 * 60 / (decision.pace_calls_per_minute or 1)
    assert seconds == pytest.approx(2 * 3600 + decision.costs[Rail.REST].seconds)
    assert decision.because[0].text.startswith("19,950 API calls would be left where 25,000 are the level")


def test_a_pace_never_makes_work_late() -> None:
    work = replace(
        extract_slice(100_000, refused=("BillingAddress",)), next_start=NOW + timedelta(minutes=30)
    )
    decision = choose(work, headroom(DailyApiRequests=20_000))

    assert 50 / (decision.pace_calls_per_minute or 1) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("left", "code"),
    [
        (Headroom(taken_at=NOW, budgets={}), "quota_unknown"),
        (replace(headroom(), taken_at=NOW - timedelta(hours=2)), "stale_reading"),
    ],
    ids=["no reading", "an old reading"],
)
def test_what_nobody_knows_lets_only_critical_work_pass(left: Headroom, code: str) -> None:
    decision = choose(load_slice(300), left)

    assert (decision.action, codes(decision)[0]) == (Action.DEFER, code)
    assert decision.defer_until == NOW + timedelta(hours=1)
    assert choose(load_slice(300, criticality=Criticality.CRITICAL), left).action is Action.RUN


def test_impossible_figures_are_taken_at_their_worst_and_remarked() -> None:
    left = Headroom(taken_at=NOW, budgets={CALLS: Budget(maximum=100, remaining=-7)})
    decision = choose(load_slice(300, criticality=Criticality.CRITICAL), left)

    assert decision.action is Action.DEFER
    assert [item.text for item in decision.remarks] == [
        "The org told that -7 of 100 DailyApiRequests are left; it is taken as 0."
    ]


def test_a_reading_from_the_future_is_taken_as_read_now_and_remarked() -> None:
    left = replace(headroom(), taken_at=NOW + timedelta(minutes=20))
    decision = choose(load_slice(300), left)

    assert (decision.action, [item.code for item in decision.remarks]) == (Action.RUN, ["clock_skew"])
    assert choose(load_slice(300), replace(left, taken_at=NOW + timedelta(minutes=2))).remarks == ()


def failing(rail: Rail, times: int, *, minutes_ago: int = 1, is_probed: bool = False) -> History:
    health = RailHealth(
        failures_in_a_row=times, last_failed_at=NOW - timedelta(minutes=minutes_ago), is_probed=is_probed
    )
    return History(health={(rail, LOAD): health})


def test_a_rail_that_keeps_failing_is_left_alone_and_then_probed() -> None:
    work, left = load_slice(300), headroom()

    assert choose(work, left, failing(Rail.REST, 2)).rail is Rail.REST
    open_ = choose(work, left, failing(Rail.REST, 3))
    assert (open_.rail, open_.rejected[Rail.REST].code) == (Rail.BULK, "circuit_open")
    probe = choose(work, left, failing(Rail.REST, 3, minutes_ago=15))
    assert probe.rail is Rail.REST
    assert "probe" in codes(probe)
    second = choose(work, left, failing(Rail.REST, 3, minutes_ago=15, is_probed=True))
    assert (second.rail, second.rejected[Rail.REST].text) == (
        Rail.BULK, "REST failed 3 times in a row; a probe is under way."
    )  # fmt: skip


def test_the_cool_down_doubles_with_each_failed_probe_up_to_a_limit() -> None:
    waits = [
        failing(Rail.REST, times, minutes_ago=0).health_of(Rail.REST, LOAD).retry_at(DEFAULT_THRESHOLDS)
        for times in (2, 3, 4, 5, 50)
    ]
    assert waits == [None, *(NOW + timedelta(minutes=15 * factor) for factor in (1, 2, 4, 16))]


def test_a_forced_rail_passes_its_open_circuit() -> None:
    history = failing(Rail.REST, 9)
    decision = decide(load_slice(300), headroom(), history, DEFAULT_THRESHOLDS, NOW, forced=Rail.REST)
    assert (decision.action, decision.rail) == (Action.RUN, Rail.REST)
    assert history.health_of(Rail.REST, LOAD).circuit(DEFAULT_THRESHOLDS, NOW) is Circuit.OPEN


def test_row_locks_and_a_failed_attempt_send_work_over_the_other_rail_if_there_is_one() -> None:
    locked = History(health={(Rail.BULK, LOAD): RailHealth(rows_sent=10_000, lock_rate=0.2)})
    big = load_slice(50_000)
    assert choose(big, headroom()).rail is Rail.BULK

    avoided = choose(big, headroom(), locked)
    assert avoided.rail is Rail.REST
    assert avoided.rejected[Rail.BULK].text == (
        "Bulk lost 20.0% of the last 10,000 rows to row locks, the limit is 5.0%."
    )
    retried = choose(replace(big, attempt=2, failed_rail=Rail.BULK), headroom())
    assert (retried.rail, retried.rejected[Rail.BULK].text) == (Rail.REST, "Bulk failed on attempt 1.")
    no_calls = headroom(DailyApiRequests=10_020)
    assert choose(big, no_calls, locked).rail is Rail.BULK
