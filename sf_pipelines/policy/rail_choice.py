"""The decision: which rail moves a slice now, and why each other rail lost. Pure: no clock, no I/O.

Steps: what is feasible, what the circuit breakers let through, what fits the budgets now and by forecast
after the reserve, what history makes unsafe, what meets the deadline, the cheapest of what is left; then
whether that has to be paced. A rail lost at a step keeps the reason of that step.
"""

from __future__ import annotations

from datetime import datetime

from sf_pipelines.model.decision import Action, Decision, Reason
from sf_pipelines.model.headroom import Headroom
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy import reasons
from sf_pipelines.policy.deferral import defer_until
from sf_pipelines.policy.health import Circuit
from sf_pipelines.policy.pace import pace_of, paced_reason
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.readings import sound, void
from sf_pipelines.policy.state import Candidate, State, weigh
from sf_pipelines.policy.thresholds import Thresholds

_Lost = dict[Rail, Reason]


def decide(
    slice_: Slice,
    headroom: Headroom,
    history: History,
    thresholds: Thresholds,
    now: datetime,
    *,
    forced: Rail | None = None,
) -> Decision:
    """Choose a rail for a slice.

    Args:
        forced: a rail that a person asks for; it is honoured or refused, never replaced. It passes the
            circuit breaker, but not the budgets.

    Returns:
        `run` with a rail, or `throttle` with a pace too; `defer` with a time when no rail fits the
        budgets or none can be trusted; `refuse` when no rail (or not the forced one) can carry the slice.
    """
    believed, remarks = sound(headroom, thresholds, now)
    state = State(
        slice=slice_,
        headroom=believed,
        history=history,
        thresholds=thresholds,
        now=now,
        forced=forced,
        remarks=remarks,
    )
    candidates = {rail: weigh(rail, state) for rail in _priced(slice_)}
    impossible = _impossible(slice_)
    waiting = _waiting([item for rail, item in candidates.items() if rail not in impossible], state)
    lost = impossible | waiting
    fitting = [item for rail, item in candidates.items() if rail not in lost]
    if forced is not None:
        fitting = [item for item in fitting if item.rail is forced]
        lost |= {rail: reasons.not_asked_for(forced) for rail in candidates if rail is not forced}
    if fitting:
        return _run(fitting, candidates, lost, state)
    return _not_now(candidates, lost, waiting, state)


def _priced(slice_: Slice) -> tuple[Rail, ...]:
    """Rails that have a price for the slice: CDC only for changes that are still to come."""
    is_streamed = slice_.stream is not None and slice_.direction is Direction.EXTRACT
    return (Rail.REST, Rail.BULK, Rail.CDC) if is_streamed else (Rail.REST, Rail.BULK)


def _impossible(slice_: Slice) -> _Lost:
    lost: _Lost = {}
    if Rail.CDC not in _priced(slice_):
        lost[Rail.CDC] = reasons.carries_changes_only(slice_)
    if slice_.fields_refused_by_bulk and slice_.direction is Direction.EXTRACT:
        lost[Rail.BULK] = reasons.fields_refused(slice_)
    return lost


def _waiting(feasible: list[Candidate], state: State) -> _Lost:
    """Rails that could carry the slice at another time."""
    unknown = None if state.is_critical else void(state.headroom, state.thresholds, state.now)
    found = {item.rail: unknown or _blocked(item, state) for item in feasible}
    return {rail: reason for rail, reason in found.items() if reason is not None}


def _blocked(candidate: Candidate, state: State) -> Reason | None:
    stream = state.slice.stream
    if candidate.rail is Rail.CDC and stream is not None and stream.trouble is not None:
        return reasons.stream_in_trouble(stream.trouble)
    health = state.health(candidate.rail)
    retry_at = health.retry_at(state.thresholds)
    is_open = health.circuit(state.thresholds, state.now) is Circuit.OPEN
    if retry_at is not None and is_open and candidate.rail is not state.forced:
        return reasons.circuit_open(candidate.rail, health, retry_at)
    short = next((draw for draw in candidate.draws if not draw.fits), None)
    return None if short is None else reasons.over_budget(candidate.rail, short, state.slice)


def _run(fitting: list[Candidate], candidates: dict[Rail, Candidate], lost: _Lost, state: State) -> Decision:
    unsafe = {item.rail: reason for item in fitting if (reason := _unsafe(item.rail, state)) is not None}
    safe = [item for item in fitting if item.rail not in unsafe] or fitting
    winner = _choose(safe, state.allowed_seconds)
    beaten = {item.rail: _beaten(item, winner, state.allowed_seconds) for item in fitting}
    lost = lost | beaten | {rail: reason for rail, reason in unsafe.items() if len(safe) < len(fitting)}
    because, pace = _because(winner, state), pace_of(winner, candidates, state)
    if pace is not None:
        because = (paced_reason(winner, pace, state), *because)
    action = Action.RUN if pace is None else Action.THROTTLE
    return _decision(action, winner.rail, because, lost, candidates, state, pace=pace)


def _not_now(candidates: dict[Rail, Candidate], lost: _Lost, waiting: _Lost, state: State) -> Decision:
    asked = (state.forced,) if state.forced else tuple(candidates)
    because = tuple(lost[rail] for rail in asked if rail in lost)
    held = [candidates[rail] for rail in asked if rail in waiting]
    if not held:
        return _decision(Action.REFUSE, None, because, lost, candidates, state)
    until, outlook = defer_until(held, state)
    return _decision(Action.DEFER, None, because + outlook, lost, candidates, state, until=until)


def _unsafe(rail: Rail, state: State) -> Reason | None:
    """What speaks against a rail, if another one is there."""
    health, limit = state.health(rail), state.thresholds.lock_rate_limit
    if state.forced is not None:
        return None
    if state.slice.attempt > 1 and state.slice.failed_rail is rail:
        return reasons.failed_last_time(rail, state.slice.attempt)
    if health.lock_rate > limit:
        return reasons.row_locks(rail, health, limit)
    return None


def _choose(fitting: list[Candidate], allowed_seconds: float) -> Candidate:
    """The cheapest rail that is in time; where none is, the fastest."""
    in_time = [item for item in fitting if item.cost.seconds <= allowed_seconds]
    if in_time:
        return min(in_time, key=lambda item: (item.price, item.rail.value))
    return min(fitting, key=lambda item: (item.cost.seconds, item.rail.value))


def _beaten(loser: Candidate, winner: Candidate, allowed_seconds: float) -> Reason:
    prices = (loser.price, winner.price)
    if winner.cost.seconds > allowed_seconds:
        return reasons.compared("slower", loser.cost, winner.cost, prices)
    if loser.cost.seconds > allowed_seconds:
        return reasons.too_late(loser.cost, allowed_seconds)
    return reasons.compared("dearer", loser.cost, winner.cost, prices)


def _because(winner: Candidate, state: State) -> tuple[Reason, ...]:
    is_late = winner.cost.seconds > state.allowed_seconds
    late = (reasons.too_late(winner.cost, state.allowed_seconds),) if is_late else ()
    health = state.health(winner.rail)
    is_probe = health.circuit(state.thresholds, state.now) is Circuit.HALF_OPEN
    probe = (reasons.probing(winner.rail, health),) if is_probe else ()
    if state.forced is not None:
        told = reasons.moves("forecast", winner.cost, state.slice, winner.price)
        return (reasons.asked_for(state.forced), told, *late)
    told = reasons.moves("fastest" if is_late else "cheapest", winner.cost, state.slice, winner.price)
    return (told, *late, *probe, *reasons.fits_budget(winner.draws))


def _decision(
    action: Action,
    rail: Rail | None,
    because: tuple[Reason, ...],
    lost: _Lost,
    candidates: dict[Rail, Candidate],
    state: State,
    *,
    until: datetime | None = None,
    pace: float | None = None,
) -> Decision:
    return Decision(
        action=action,
        rail=rail,
        because=because,
        rejected={item: reason for item, reason in lost.items() if item is not rail},
        costs={item: candidate.cost for item, candidate in candidates.items()},
        slice=state.slice,
        headroom=state.headroom,
        decided_at=state.now,
        defer_until=until,
        forced=state.forced is not None,
        pace_calls_per_minute=pace,
        remarks=state.remarks,
    )
