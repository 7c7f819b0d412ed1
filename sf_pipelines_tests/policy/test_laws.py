"""The laws of the rail policy, for any work, any quotas and any thresholds."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.model.decision import Action, Decision
from sf_pipelines.model.headroom import Budget, Headroom
from sf_pipelines.model.rail import Criticality, Direction, LatencyClass, Operation, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.budgets import draws
from sf_pipelines.policy.performance import History, Performance
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.policy.thresholds import Thresholds
from sf_pipelines_tests.policy.slices import MAXIMA, NOW

HIGHEST_FIRST = (Criticality.CRITICAL, Criticality.NORMAL, Criticality.DEFERRABLE)
FORCED = st.sampled_from([None, *Rail])


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
    )


@st.composite
def headrooms(draw: st.DrawFn) -> Headroom:
    """Any quotas; an edition may lack some of them."""
    budgets: dict[str, Budget] = {}
    for name in draw(st.sets(st.sampled_from(sorted(MAXIMA)))):
        maximum = draw(st.integers(0, MAXIMA[name]))
        budgets[name] = Budget(maximum=maximum, remaining=draw(st.integers(0, maximum)))
    return Headroom(taken_at=NOW, budgets=budgets)


@st.composite
def thresholds(draw: st.DrawFn) -> Thresholds:
    """Any thresholds that keep no less for those who must not yield."""
    reserves = sorted(draw(st.lists(st.floats(0.0, 0.9), min_size=3, max_size=3)))
    return Thresholds(
        reserve_share=dict(zip(HIGHEST_FIRST, reserves, strict=True)),
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
        }
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

    assert after.action is Action.RUN or before.action is not Action.RUN


@given(slices(), headrooms(), histories(), thresholds(), FORCED)
def test_higher_criticality_is_never_deferred_where_lower_runs(
    work: Slice, left: Headroom, history: History, knobs: Thresholds, forced: Rail | None
) -> None:
    runs = [
        decide(replace(work, criticality=item), left, history, knobs, NOW, forced=forced).action is Action.RUN
        for item in HIGHEST_FIRST
    ]

    assert runs == sorted(runs, reverse=True)


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
        assert draw.used == 0 or budget.remaining - draw.used >= ceil(budget.maximum * share)


@given(slices(), headrooms(), histories(), thresholds(), st.sampled_from(Rail))
def test_a_forced_rail_is_honoured_or_not_run_at_all(
    work: Slice, left: Headroom, history: History, knobs: Thresholds, forced: Rail
) -> None:
    decision = decide(work, left, history, knobs, NOW, forced=forced)

    assert decision.forced
    assert decision.rail is (forced if decision.action is Action.RUN else None)


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
    assert (decision.rail is not None) is (decision.action is Action.RUN)


@given(slices(), headrooms(), thresholds())
def test_without_a_forced_rail_nothing_is_ever_refused(
    work: Slice, left: Headroom, knobs: Thresholds
) -> None:
    assert decide(work, left, History(), knobs, NOW).action is not Action.REFUSE


@given(slices(), headrooms(), histories(), thresholds())
def test_a_rail_that_is_late_only_runs_where_no_fitting_one_is_in_time(
    work: Slice, left: Headroom, history: History, knobs: Thresholds
) -> None:
    decision = decide(work, left, history, knobs, NOW)
    deadline_seconds = knobs.deadline_seconds[work.latency_class]
    if decision.rail is None or decision.costs[decision.rail].seconds <= deadline_seconds:
        return

    assert not any(_fits(decision, rail, knobs) for rail in decision.costs if _in_time(decision, rail, knobs))


def _in_time(decision: Decision, rail: Rail, knobs: Thresholds) -> bool:
    return decision.costs[rail].seconds <= knobs.deadline_seconds[decision.slice.latency_class]


def _fits(decision: Decision, rail: Rail, knobs: Thresholds) -> bool:
    work = decision.slice
    if rail is Rail.BULK and work.direction is Direction.EXTRACT and work.fields_refused_by_bulk:
        return False
    share = knobs.reserve_share[work.criticality]
    return all(draw.fits for draw in draws(decision.costs[rail], work.direction, decision.headroom, share))
