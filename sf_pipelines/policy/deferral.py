"""When to ask again about work that cannot be sent now. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from sf_pipelines.model.decision import Reason
from sf_pipelines.policy import reasons
from sf_pipelines.policy.readings import void
from sf_pipelines.policy.state import Candidate, State, units_of
from sf_pipelines.policy.timing import earliest_fit, is_forecast

PROBE_SECONDS = 60.0
"""How soon to ask again while another run probes a rail."""


def defer_until(held: list[Candidate], state: State) -> tuple[datetime, tuple[Reason, ...]]:
    """When to ask again: as the forecast and the circuit breakers say, and at some time in any case."""
    latest = state.now + timedelta(seconds=state.thresholds.longest_defer_seconds)
    until = min([*(_ready_at(item, state) for item in held), latest])
    fits = [fit for item in held if (fit := _fit(item, state)) is not None]
    told: tuple[Reason, ...] = ()
    if fits and state.now < min(fits):
        told = (reasons.fits_at(min(fits)),)
    elif not fits and any(is_forecast(units_of(item, state), state.headroom) for item in held):
        told = (reasons.no_fit_in_sight(),)
    next_start = state.slice.next_start
    if next_start is not None and state.now < next_start < until:
        told = (*told, reasons.after_next_start(next_start))
    return until, told


def _ready_at(candidate: Candidate, state: State) -> datetime:
    """When budgets and circuit breaker let a rail through, as far as anything says so."""
    limits = state.thresholds
    fit = _fit(candidate, state)
    if fit is None:
        blind = void(state.headroom, limits, state.now) or not is_forecast(
            units_of(candidate, state), state.headroom
        )
        wait = limits.defer_seconds if blind else limits.longest_defer_seconds
        fit = state.now + timedelta(seconds=wait)
    retry_at = None if candidate.rail is state.forced else state.health(candidate.rail).retry_at(limits)
    # when a probe under way ends nobody knows
    soonest = state.now + timedelta(seconds=PROBE_SECONDS)
    return max(fit, retry_at or soonest, soonest)


def _fit(candidate: Candidate, state: State) -> datetime | None:
    """When a rail fits the budgets by forecast; now for one that fits already, None if nothing says."""
    unknown = void(state.headroom, state.thresholds, state.now) is not None
    if all(draw.fits for draw in candidate.draws) and (state.is_critical or not unknown):
        return state.now
    if unknown:
        return None
    units = units_of(candidate, state)
    return earliest_fit(units, state.headroom, candidate.cost.seconds, state.reserve, state.now)
