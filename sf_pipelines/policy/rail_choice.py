"""The decision: which rail moves a slice now, and why each other rail lost. Pure: no clock, no I/O.

Steps: what is feasible, what the circuit breakers let through, what fits the budgets now and by forecast
after the reserve, what history makes unsafe, what meets the deadline, the cheapest of what is left; then
whether that has to be paced. A rail lost at a step keeps the reason of that step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sf_pipelines.model.decision import Action, Decision, RailCost, Reason
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Headroom
from sf_pipelines.model.rail import Criticality, Direction, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy import reasons
from sf_pipelines.policy.budgets import Draw, draws, needs, price_in_calls, reserve_of
from sf_pipelines.policy.costs import cost
from sf_pipelines.policy.health import Circuit, RailHealth
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.readings import sound, void
from sf_pipelines.policy.thresholds import Thresholds
from sf_pipelines.policy.timing import earliest_fit, is_forecast

_PRICED_RAILS = (Rail.REST, Rail.BULK)

PROBE_SECONDS = 60.0
"""How soon to ask again while another run probes a rail."""

_Lost = dict[Rail, Reason]


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    """All that a decision is made of, the reading made sound."""

    slice: Slice
    headroom: Headroom
    history: History
    thresholds: Thresholds
    now: datetime
    forced: Rail | None
    remarks: tuple[Reason, ...]

    @property
    def reserve(self) -> float:
        return self.thresholds.reserve_share[self.slice.criticality]

    @property
    def is_critical(self) -> bool:
        return self.slice.criticality is Criticality.CRITICAL

    @property
    def allowed_seconds(self) -> float:
        """Until the deadline of the latency class, or the next scheduled start if that is sooner."""
        by_class = self.thresholds.deadline_seconds[self.slice.latency_class]
        if self.slice.next_start is None:
            return by_class
        return min(by_class, max(0.0, (self.slice.next_start - self.now).total_seconds()))

    def health(self, rail: Rail) -> RailHealth:
        return self.history.health_of(rail, self.slice.direction)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    cost: RailCost
    draws: list[Draw]
    price: float

    @property
    def rail(self) -> Rail:
        return self.cost.rail


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
    state = _State(
        slice=slice_,
        headroom=believed,
        history=history,
        thresholds=thresholds,
        now=now,
        forced=forced,
        remarks=remarks,
    )
    candidates = {rail: _candidate(rail, state) for rail in _PRICED_RAILS}
    impossible = _impossible(slice_)
    waiting = _waiting([item for rail, item in candidates.items() if rail not in impossible], state)
    lost = impossible | waiting
    fitting = [item for rail, item in candidates.items() if rail not in lost]
    if forced is not None:
        fitting = [item for item in fitting if item.rail is forced]
        lost |= {rail: reasons.not_asked_for(forced) for rail in _PRICED_RAILS if rail is not forced}
    if fitting:
        return _run(fitting, candidates, lost, state)
    return _not_now(candidates, lost, waiting, state)


def _candidate(rail: Rail, state: _State) -> _Candidate:
    slice_ = state.slice
    rail_cost = cost(slice_, rail, state.history.of(rail, slice_.direction))
    # critical work passes on what is there now: a forecast may not hold it back
    foreseen = None if state.is_critical else state.now
    drawn = list(draws(rail_cost, slice_.direction, state.headroom, state.reserve, now=foreseen))
    seconds_price = rail_cost.seconds * state.thresholds.calls_per_second[slice_.latency_class]
    return _Candidate(cost=rail_cost, draws=drawn, price=price_in_calls(drawn) + seconds_price)


def _impossible(slice_: Slice) -> _Lost:
    lost = {Rail.CDC: reasons.carries_changes_only(slice_)}
    if slice_.fields_refused_by_bulk and slice_.direction is Direction.EXTRACT:
        lost[Rail.BULK] = reasons.fields_refused(slice_)
    return lost


def _waiting(feasible: list[_Candidate], state: _State) -> _Lost:
    """Rails that could carry the slice at another time."""
    unknown = None if state.is_critical else void(state.headroom, state.thresholds, state.now)
    found = {item.rail: unknown or _blocked(item, state) for item in feasible}
    return {rail: reason for rail, reason in found.items() if reason is not None}


def _blocked(candidate: _Candidate, state: _State) -> Reason | None:
    health = state.health(candidate.rail)
    retry_at = health.retry_at(state.thresholds)
    is_open = health.circuit(state.thresholds, state.now) is Circuit.OPEN
    if retry_at is not None and is_open and candidate.rail is not state.forced:
        return reasons.circuit_open(candidate.rail, health, retry_at)
    short = next((draw for draw in candidate.draws if not draw.fits), None)
    return None if short is None else reasons.over_budget(candidate.rail, short, state.slice)


def _run(
    fitting: list[_Candidate], candidates: dict[Rail, _Candidate], lost: _Lost, state: _State
) -> Decision:
    unsafe = {item.rail: reason for item in fitting if (reason := _unsafe(item.rail, state)) is not None}
    safe = [item for item in fitting if item.rail not in unsafe] or fitting
    winner = _choose(safe, state.allowed_seconds)
    beaten = {item.rail: _beaten(item, winner, state.allowed_seconds) for item in fitting}
    lost = lost | beaten | {rail: reason for rail, reason in unsafe.items() if len(safe) < len(fitting)}
    because, pace = _because(winner, state), _pace(winner, candidates, state)
    if pace is not None:
        because = (_paced(winner, pace, state), *because)
    action = Action.RUN if pace is None else Action.THROTTLE
    return _decision(action, winner.rail, because, lost, candidates, state, pace=pace)


def _not_now(candidates: dict[Rail, _Candidate], lost: _Lost, waiting: _Lost, state: _State) -> Decision:
    asked = (state.forced,) if state.forced else _PRICED_RAILS
    because = tuple(lost[rail] for rail in asked if rail in lost)
    held = [candidates[rail] for rail in asked if rail in waiting]
    if not held:
        return _decision(Action.REFUSE, None, because, lost, candidates, state)
    until, outlook = _defer_until(held, state)
    return _decision(Action.DEFER, None, because + outlook, lost, candidates, state, until=until)


def _defer_until(held: list[_Candidate], state: _State) -> tuple[datetime, tuple[Reason, ...]]:
    """When to ask again: as the forecast and the circuit breakers say, and at some time in any case."""
    latest = state.now + timedelta(seconds=state.thresholds.longest_defer_seconds)
    until = min([*(_ready_at(item, state) for item in held), latest])
    fits = [fit for item in held if (fit := _fit(item, state)) is not None]
    told: tuple[Reason, ...] = ()
    if fits and state.now < min(fits):
        told = (reasons.fits_at(min(fits)),)
    elif not fits and any(is_forecast(_units(item, state), state.headroom) for item in held):
        told = (reasons.no_fit_in_sight(),)
    next_start = state.slice.next_start
    if next_start is not None and state.now < next_start < until:
        told = (*told, reasons.after_next_start(next_start))
    return until, told


def _ready_at(candidate: _Candidate, state: _State) -> datetime:
    """When budgets and circuit breaker let a rail through, as far as anything says so."""
    limits = state.thresholds
    fit = _fit(candidate, state)
    if fit is None:
        blind = void(state.headroom, limits, state.now) or not is_forecast(
            _units(candidate, state), state.headroom
        )
        wait = limits.defer_seconds if blind else limits.longest_defer_seconds
        fit = state.now + timedelta(seconds=wait)
    retry_at = None if candidate.rail is state.forced else state.health(candidate.rail).retry_at(limits)
    # when a probe under way ends nobody knows
    soonest = state.now + timedelta(seconds=PROBE_SECONDS)
    return max(fit, retry_at or soonest, soonest)


def _fit(candidate: _Candidate, state: _State) -> datetime | None:
    """When a rail fits the budgets by forecast; now for one that fits already, None if nothing says."""
    unknown = void(state.headroom, state.thresholds, state.now) is not None
    if all(draw.fits for draw in candidate.draws) and (state.is_critical or not unknown):
        return state.now
    if unknown:
        return None
    units = _units(candidate, state)
    return earliest_fit(units, state.headroom, candidate.cost.seconds, state.reserve, state.now)


def _units(candidate: _Candidate, state: _State) -> dict[str, int]:
    return needs(candidate.cost, state.slice.direction)


def _unsafe(rail: Rail, state: _State) -> Reason | None:
    """What speaks against a rail, if another one is there."""
    health, limit = state.health(rail), state.thresholds.lock_rate_limit
    if state.forced is not None:
        return None
    if state.slice.attempt > 1 and state.slice.failed_rail is rail:
        return reasons.failed_last_time(rail, state.slice.attempt)
    if health.lock_rate > limit:
        return reasons.row_locks(rail, health, limit)
    return None


def _choose(fitting: list[_Candidate], allowed_seconds: float) -> _Candidate:
    """The cheapest rail that is in time; where none is, the fastest."""
    in_time = [item for item in fitting if item.cost.seconds <= allowed_seconds]
    if in_time:
        return min(in_time, key=lambda item: (item.price, item.rail.value))
    return min(fitting, key=lambda item: (item.cost.seconds, item.rail.value))


def _beaten(loser: _Candidate, winner: _Candidate, allowed_seconds: float) -> Reason:
    prices = (loser.price, winner.price)
    if winner.cost.seconds > allowed_seconds:
        return reasons.compared("slower", loser.cost, winner.cost, prices)
    if loser.cost.seconds > allowed_seconds:
        return reasons.too_late(loser.cost, allowed_seconds)
    return reasons.compared("dearer", loser.cost, winner.cost, prices)


def _because(winner: _Candidate, state: _State) -> tuple[Reason, ...]:
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


def _pace(winner: _Candidate, candidates: dict[Rail, _Candidate], state: _State) -> float | None:
    """Calls a minute for normal work on REST that would leave less than the level for full speed.

    The calls are spread until the forecast sees room for full speed, or until the deadline. Bulk makes
    too few calls to spread.
    """
    calls = winner.cost.api_calls
    if state.slice.criticality is not Criticality.NORMAL or winner.rail is not Rail.REST or calls < 2:
        return None
    if _left_after(winner, state) is None:
        return None
    room_at = [_full_speed_at(item, state) for item in candidates.values()]
    limit = timedelta(seconds=state.thresholds.longest_defer_seconds)
    spare_seconds = min([*(moment - state.now for moment in room_at if moment is not None), limit])
    slack_seconds = min(state.allowed_seconds - winner.cost.seconds, spare_seconds.total_seconds())
    if slack_seconds <= 0:
        return None
    return calls * 60.0 / (winner.cost.seconds + slack_seconds)


def _full_speed_at(candidate: _Candidate, state: _State) -> datetime | None:
    share = state.thresholds.throttle_below_share
    return earliest_fit(_units(candidate, state), state.headroom, candidate.cost.seconds, share, state.now)


def _left_after(winner: _Candidate, state: _State) -> tuple[int, int] | None:
    """API calls that would be left by forecast, and the level for full speed; None at or above it."""
    for draw in winner.draws:
        if draw.budget == DAILY_API_REQUESTS:
            budget = state.headroom.budgets[draw.budget]
            left = draw.available + reserve_of(budget, state.reserve) - draw.used
            level = reserve_of(budget, state.thresholds.throttle_below_share)
            return (left, level) if left < level else None
    return None


def _paced(winner: _Candidate, pace: float, state: _State) -> Reason:
    left, level = _left_after(winner, state) or (0, 0)
    return reasons.paced(winner.cost.api_calls, pace, left, level)


def _decision(
    action: Action,
    rail: Rail | None,
    because: tuple[Reason, ...],
    lost: _Lost,
    candidates: dict[Rail, _Candidate],
    state: _State,
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
