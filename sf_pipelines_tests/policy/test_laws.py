"""The laws of the rail policy, for any work, any quotas and any thresholds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.model.decision import Action, Decision
from sf_pipelines.model.headroom import Budget, Headroom
from sf_pipelines.model.outlook import Outlook
from sf_pipelines.model.rail import Criticality, Direction, LatencyClass, Operation, Rail
from sf_pipelines.model.slice import Slice, StreamState
from sf_pipelines.policy.budgets import draws
from sf_pipelines.policy.health import RailHealth
from sf_pipelines.policy.performance import History, Performance
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.policy.thresholds import Thresholds
from sf_pipelines_tests.policy.slices import MAXIMA, NOW

HIGHEST_FIRST = (Criticality.CRITICAL, Criticality.NORMAL, Criticality.DEFERRABLE)
FORCED = st.sampled_from([None, *Rail])

moments = st.integers(-60, 600).map(lambda minutes: NOW + timedelta(minutes=minutes))
streams = st.builds(
    StreamState, polls=st.integers(0, 500), trouble=st.sampled_from([None, "its allocation is spent"])
)
healths = st.builds(
    RailHealth,
    rows_sent=st.integers(0, 1_000_000),
    lock_rate=st.floats(0.0, 1.0),
    failures_in_a_row=st.integers(0, 20),
    last_failed_at=st.integers(0, 600).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    is_probed=st.booleans(),
)


@st.composite
def slices(draw: st.DrawFn) -> Slice:
    direction = draw(st.sampled_from(Direction))
    rows = draw(st.integers(0, 5_000_000))
    return Slice(
        sync="any",
        sobject="Account",
        direction=direction,
        operation=Operation.UPSERT if direction is Direction.LOAD else Operation.QUERY,
        rows=rows,
        bytes_raw=rows * draw(st.integers(1, 5_000)),
        latency_class=draw(st.sampled_from(LatencyClass)),
        criticality=draw(st.sampled_from(Criticality)),
        fields_refused_by_bulk=draw(st.sampled_from([(), ("BillingAddress",)])),
        next_start=draw(st.none() | moments),
        attempt=draw(st.integers(1, 3)),
        failed_rail=draw(st.sampled_from([None, *Rail])),
        stream=draw(st.none() | streams) if direction is Direction.EXTRACT else None,
    )


@st.composite
def outlooks(draw: st.DrawFn, maximum: int) -> Outlook:
    """A curve that goes anywhere, made at some time before; its error never shrinks."""
    hours = draw(st.integers(1, 12))
    steps = st.lists(st.floats(-0.5, 0.5), min_size=hours, max_size=hours)
    errors = sorted(draw(st.lists(st.floats(0.0, 0.2), min_size=hours, max_size=hours)))
    return Outlook(
        made_at=NOW - timedelta(minutes=draw(st.integers(0, 90))),
        expected=tuple(step * maximum for step in draw(steps)),
        error=tuple(error * maximum for error in errors),
        coverage=0.9,
    )


@st.composite
def headrooms(draw: st.DrawFn) -> Headroom:
    """Any quotas; an edition may lack some of them."""
    budgets: dict[str, Budget] = {}
    for name in draw(st.sets(st.sampled_from(sorted(MAXIMA)))):
        maximum = draw(st.integers(0, MAXIMA[name]))
        remaining = draw(st.integers(0, maximum))
        budgets[name] = Budget(
            maximum=maximum,
            remaining=remaining,
            reserved=draw(st.integers(0, remaining)),
            outlook=draw(st.none() | outlooks(maximum)),
        )
    return Headroom(taken_at=NOW - timedelta(minutes=draw(st.integers(0, 90))), budgets=budgets)


@st.composite
def thresholds(draw: st.DrawFn) -> Thresholds:
    """Any thresholds that keep no less for those who must not yield."""
    critical, normal, full_speed, deferrable = sorted(
        draw(st.lists(st.floats(0.0, 0.9), min_size=4, max_size=4))
    )
    return Thresholds(
        reserve_share=dict(zip(HIGHEST_FIRST, (critical, normal, deferrable), strict=True)),
        throttle_below_share=full_speed,
        deadline_seconds={item: draw(st.floats(1.0, 100_000.0)) for item in LatencyClass},
        calls_per_second={item: draw(st.floats(0.0, 1_000.0)) for item in LatencyClass},
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    known = draw(st.sets(st.sampled_from([(Rail.REST, item) for item in Direction])))
    return History(
        learned={
            pair: Performance(
                setup_seconds=draw(st.floats(0.0, 600.0)),
                call_seconds=draw(st.floats(0.01, 10.0)),
                rows_per_second=draw(st.floats(1.0, 50_000.0)),
            )
            for pair in known
        },
        health={(rail, item): draw(healths) for rail in Rail for item in Direction},
    )


def more(headroom: Headroom, extra: int) -> Headroom:
    return Headroom(
        taken_at=headroom.taken_at,
        budgets={
            name: replace(budget, remaining=min(budget.maximum, budget.remaining + extra))
            for name, budget in headroom.budgets.items()
        },
    )


@given(slices(), headrooms(), histories(), thresholds(), FORCED, st.integers(1, 1_000_000))
def test_more_headroom_never_turns_run_into_defer(
    work: Slice, left: Headroom, history: History, knobs: Thresholds, forced: Rail | None, extra: int
) -> None:
    before = decide(work, left, history, knobs, NOW, forced=forced)
    after = decide(work, more(left, extra), history, knobs, NOW, forced=forced)

    assert after.action.sends or not before.action.sends


@given(slices(), headrooms(), histories(), thresholds(), FORCED)
def test_higher_criticality_never_waits_longer_than_lower_in_the_same_state(
    work: Slice, left: Headroom, history: History, knobs: Thresholds, forced: Rail | None
) -> None:
    decisions = [
        decide(replace(work, criticality=item), left, history, knobs, NOW, forced=forced)
        for item in HIGHEST_FIRST
    ]
    waits = [waiting_seconds(decision) for decision in decisions if decision.action is not Action.REFUSE]

    assert len(waits) in (0, 3)
    assert waits == sorted(waits)


def waiting_seconds(decision: Decision) -> int:
    """Until it may start, and by how much longer its pace makes it."""
    if decision.defer_until is not None:
        return round((decision.defer_until - NOW).total_seconds())
    if decision.rail is None or decision.pace_calls_per_minute is None:
        return 0
    cost = decision.costs[decision.rail]
    return round(cost.api_calls * 60 / decision.pace_calls_per_minute - cost.seconds)


@given(slices(), headrooms(), histories(), thresholds(), FORCED)
def test_the_chosen_rail_leaves_every_reserve_whole(
    work: Slice, left: Headroom, history: History, knobs: Thresholds, forced: Rail | None
) -> None:
    decision = decide(work, left, history, knobs, NOW, forced=forced)
    if decision.rail is None:
        return

    share = knobs.reserve_share[work.criticality]
    for draw in draws(decision.costs[decision.rail], work.direction, left, 0.0):
        budget = left.budgets[draw.budget]
        kept = ceil(budget.maximum * share) + budget.reserved
        assert draw.used == 0 or budget.remaining - draw.used >= kept


@given(slices(), headrooms(), histories(), thresholds(), st.sampled_from(Rail))
def test_a_forced_rail_is_honoured_or_not_run_at_all(
    work: Slice, left: Headroom, history: History, knobs: Thresholds, forced: Rail
) -> None:
    decision = decide(work, left, history, knobs, NOW, forced=forced)

    assert decision.forced
    assert decision.rail is (forced if decision.action.sends else None)


@given(slices(), headrooms(), histories(), thresholds(), FORCED)
def test_the_same_inputs_give_the_same_decision(
    work: Slice, left: Headroom, history: History, knobs: Thresholds, forced: Rail | None
) -> None:
    reordered = Headroom(taken_at=left.taken_at, budgets=dict(reversed(left.budgets.items())))

    first = decide(work, left, history, knobs, NOW, forced=forced)

    assert decide(work, left, history, knobs, NOW, forced=forced) == first
    assert decide(work, reordered, history, knobs, NOW, forced=forced) == first


@given(slices(), headrooms(), histories(), thresholds(), FORCED)
def test_every_rail_that_lost_has_a_reason(
    work: Slice, left: Headroom, history: History, knobs: Thresholds, forced: Rail | None
) -> None:
    decision = decide(work, left, history, knobs, NOW, forced=forced)

    assert set(decision.rejected) == set(Rail) - {decision.rail}
    assert decision.because
    for reason in (*decision.because, *decision.rejected.values()):
        assert reason.code
        assert reason.text.endswith(".")


@given(slices(), headrooms(), histories(), thresholds(), FORCED)
def test_only_a_deferral_has_a_time_and_only_a_run_has_a_rail(
    work: Slice, left: Headroom, history: History, knobs: Thresholds, forced: Rail | None
) -> None:
    decision = decide(work, left, history, knobs, NOW, forced=forced)

    assert (decision.defer_until is not None) is (decision.action is Action.DEFER)
    assert (decision.rail is not None) is decision.action.sends
    assert (decision.pace_calls_per_minute is not None) is (decision.action is Action.THROTTLE)


@given(slices(), headrooms(), thresholds())
def test_without_a_forced_rail_nothing_is_ever_refused(
    work: Slice, left: Headroom, knobs: Thresholds
) -> None:
    assert decide(work, left, History(), knobs, NOW).action is not Action.REFUSE


@given(slices(), headrooms(), histories(), thresholds())
def test_a_rail_that_is_late_only_runs_where_no_other_safe_and_fitting_one_is_in_time(
    work: Slice, left: Headroom, history: History, knobs: Thresholds
) -> None:
    decision = decide(work, left, history, knobs, NOW)
    if decision.rail is None or decision.because[0].code == "throttled":
        return

    is_late = any(reason.code == "misses_deadline" for reason in decision.because)
    lost = {reason.code for reason in decision.rejected.values()} - {"cdc_carries_changes_only"}
    assert not is_late or lost <= {
        "slower", "over_budget", "circuit_open", "fields_refused_by_bulk", "row_locks", "failed_last_time",
        "stream_in_trouble",
    }  # fmt: skip
