"""How fast normal work may go when little is left. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from sf_pipelines.model.decision import Reason
from sf_pipelines.model.headroom import DAILY_API_REQUESTS
from sf_pipelines.model.rail import Criticality, Rail
from sf_pipelines.policy import reasons
from sf_pipelines.policy.budgets import reserve_of
from sf_pipelines.policy.state import Candidate, State, units_of
from sf_pipelines.policy.timing import earliest_fit


def pace_of(winner: Candidate, candidates: dict[Rail, Candidate], state: State) -> float | None:
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


def _full_speed_at(candidate: Candidate, state: State) -> datetime | None:
    share = state.thresholds.throttle_below_share
    return earliest_fit(units_of(candidate, state), state.headroom, candidate.cost.seconds, share, state.now)


def _left_after(winner: Candidate, state: State) -> tuple[int, int] | None:
    """API calls that would be left by forecast, and the level for full speed; None at or above it."""
    for draw in winner.draws:
        if draw.budget == DAILY_API_REQUESTS:
            budget = state.headroom.budgets[draw.budget]
            left = draw.available + reserve_of(budget, state.reserve) - draw.used
            level = reserve_of(budget, state.thresholds.throttle_below_share)
            return (left, level) if left < level else None
    return None


def paced_reason(winner: Candidate, pace: float, state: State) -> Reason:
    """The sentence about a pace."""
    left, level = _left_after(winner, state) or (0, 0)
    return reasons.paced(winner.cost.api_calls, pace, left, level)
