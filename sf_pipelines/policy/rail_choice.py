"""The decision: which rail moves a slice now, and why each other rail lost. Pure: no clock, no I/O.

Steps: what is feasible, what fits the budgets after the reserve, what meets the deadline, the cheapest
of what is left. A rail lost at a step keeps the reason of that step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sf_pipelines.model.decision import Action, Decision, RailCost, Reason
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Headroom
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.budgets import Draw, draws, price_in_calls
from sf_pipelines.policy.costs import cost
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.thresholds import Thresholds

_PRICED_RAILS = (Rail.REST, Rail.BULK)


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
        forced: a rail that a person asks for; it is honoured or refused, never replaced.

    Returns:
        `run` with a rail; `defer` with a time when no rail fits the budgets; `refuse` when no rail
        (or not the forced one) can carry the slice at all.
    """
    candidates = {rail: _candidate(slice_, rail, headroom, history, thresholds) for rail in _PRICED_RAILS}
    lost = _infeasible(slice_)
    feasible = [candidate for rail, candidate in candidates.items() if rail not in lost]
    too_dear = {item.rail: reason for item in feasible if (reason := _over_budget(item, slice_)) is not None}
    lost |= too_dear
    fitting = [item for item in feasible if item.rail not in lost]
    if forced is not None:
        fitting = [item for item in fitting if item.rail is forced]
        lost |= {rail: _not_asked_for(forced) for rail in _PRICED_RAILS if rail is not forced}
    if fitting:
        deadline = thresholds.deadline_seconds[slice_.latency_class]
        winner = _choose(fitting, deadline)
        action, rail, because = Action.RUN, winner.rail, _because(winner, slice_, deadline, forced=forced)
        lost |= {item.rail: _beaten(item, winner, deadline) for item in fitting if item is not winner}
    else:
        can_wait = bool(too_dear) and (forced is None or forced in too_dear)
        action, rail = (Action.DEFER if can_wait else Action.REFUSE), None
        because = tuple(lost[item] for item in ([forced] if forced else _PRICED_RAILS) if item in lost)
    return Decision(
        action=action,
        rail=rail,
        because=because,
        rejected={item: reason for item, reason in lost.items() if item is not rail},
        costs={item: candidate.cost for item, candidate in candidates.items()},
        slice=slice_,
        headroom=headroom,
        decided_at=now,
        defer_until=now + timedelta(seconds=thresholds.defer_seconds) if action is Action.DEFER else None,
        forced=forced is not None,
    )


def _candidate(
    slice_: Slice, rail: Rail, headroom: Headroom, history: History, thresholds: Thresholds
) -> _Candidate:
    rail_cost = cost(slice_, rail, history.of(rail, slice_.direction))
    reserve = thresholds.reserve_share[slice_.criticality]
    rail_draws = list(draws(rail_cost, slice_.direction, headroom, reserve))
    seconds_price = rail_cost.seconds * thresholds.calls_per_second[slice_.latency_class]
    return _Candidate(cost=rail_cost, draws=rail_draws, price=price_in_calls(rail_draws) + seconds_price)


def _infeasible(slice_: Slice) -> dict[Rail, Reason]:
    lost = {
        Rail.CDC: Reason(
            code="cdc_carries_changes_only",
            text="Change Data Capture only tells of changes as they happen; it cannot "
            + ("write records." if slice_.direction is Direction.LOAD else "read a window of the past."),
            figures={},
        )
    }
    if slice_.fields_refused_by_bulk and slice_.direction is Direction.EXTRACT:
        names = ", ".join(slice_.fields_refused_by_bulk)
        lost[Rail.BULK] = Reason(
            code="fields_refused_by_bulk",
            text=f"A Bulk query cannot select {names}.",
            figures={"fields": names},
        )
    return lost


def _over_budget(candidate: _Candidate, slice_: Slice) -> Reason | None:
    draw = next((item for item in candidate.draws if not item.fits), None)
    if draw is None:
        return None
    return Reason(
        code="over_budget",
        text=f"{_name(candidate.rail)} needs {draw.used:,} of {draw.budget}, and after the reserve "
        f"{draw.available:,} are left for {slice_.criticality.value} work.",
        figures={"budget": draw.budget, "needed": draw.used, "available": draw.available},
    )


def _choose(fitting: list[_Candidate], deadline_seconds: float) -> _Candidate:
    """The cheapest rail that is in time; where none is, the fastest."""
    in_time = [item for item in fitting if item.cost.seconds <= deadline_seconds]
    if in_time:
        return min(in_time, key=lambda item: (item.price, item.rail.value))
    return min(fitting, key=lambda item: (item.cost.seconds, item.rail.value))


def _beaten(loser: _Candidate, winner: _Candidate, deadline_seconds: float) -> Reason:
    if winner.cost.seconds > deadline_seconds:
        return _compared("slower", loser, winner)
    if loser.cost.seconds > deadline_seconds:
        return _too_late(loser, deadline_seconds)
    return _compared("dearer", loser, winner)


def _too_late(candidate: _Candidate, deadline_seconds: float) -> Reason:
    return Reason(
        code="misses_deadline",
        text=f"{_name(candidate.rail)} would take {candidate.cost.seconds:,.0f} s, the deadline is "
        f"{deadline_seconds:,.0f} s.",
        figures={"seconds": candidate.cost.seconds, "deadline_seconds": deadline_seconds},
    )


def _compared(code: str, loser: _Candidate, winner: _Candidate) -> Reason:
    return Reason(
        code=code,
        text=f"{_name(loser.rail)} would cost {_priced(loser)}, {_name(winner.rail)} {_priced(winner)}.",
        figures={
            "price": round(loser.price, 3),
            "winner_price": round(winner.price, 3),
            "api_calls": loser.cost.api_calls,
            "seconds": loser.cost.seconds,
        },
    )


def _because(
    winner: _Candidate, slice_: Slice, deadline_seconds: float, *, forced: Rail | None
) -> tuple[Reason, ...]:
    is_late = winner.cost.seconds > deadline_seconds
    late = (_too_late(winner, deadline_seconds),) if is_late else ()
    if forced:
        return (_asked_for(forced), _forecast("forecast", winner, slice_), *late)
    code = "fastest" if is_late else "cheapest"
    return (_forecast(code, winner, slice_), *late, *_headroom_reason(winner))


def _forecast(code: str, winner: _Candidate, slice_: Slice) -> Reason:
    rows = "1 row" if slice_.rows == 1 else f"{slice_.rows:,} rows"
    return Reason(
        code=code,
        text=f"{_name(winner.rail)} moves {rows} ({slice_.bytes_raw / 1e6:,.1f} MB) for {_priced(winner)}.",
        figures={
            "rows": slice_.rows,
            "bytes_raw": slice_.bytes_raw,
            "api_calls": winner.cost.api_calls,
            "seconds": winner.cost.seconds,
            "price": round(winner.price, 3),
        },
    )


def _headroom_reason(winner: _Candidate) -> tuple[Reason, ...]:
    return tuple(
        Reason(
            code="fits_budget",
            text=f"{draw.available:,} of {draw.maximum:,} API calls may still be used.",
            figures={"available": draw.available, "maximum": draw.maximum},
        )
        for draw in winner.draws
        if draw.budget == DAILY_API_REQUESTS
    )


def _asked_for(rail: Rail) -> Reason:
    return Reason(code="forced", text=f"{_name(rail)} was asked for.", figures={"rail": rail.value})


def _not_asked_for(forced: Rail) -> Reason:
    return Reason(
        code="not_the_forced_rail", text=f"{_name(forced)} was asked for.", figures={"rail": forced.value}
    )


def _priced(candidate: _Candidate) -> str:
    cost_ = candidate.cost
    jobs = f" and {cost_.jobs:,} jobs" if cost_.jobs > 1 else " and 1 job" if cost_.jobs else ""
    calls = "1 call" if cost_.api_calls == 1 else f"{cost_.api_calls:,} calls"
    return f"{calls}{jobs} in about {cost_.seconds:,.0f} s"


def _name(rail: Rail) -> str:
    return {Rail.REST: "REST", Rail.BULK: "Bulk", Rail.CDC: "CDC"}[rail]
