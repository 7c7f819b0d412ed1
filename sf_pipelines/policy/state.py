"""All that a decision is made of, and each rail weighed in it. Pure; the choice is in `rail_choice`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sf_pipelines.model.decision import RailCost, Reason
from sf_pipelines.model.headroom import Headroom
from sf_pipelines.model.rail import Criticality, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.budgets import Draw, draws, needs, price_in_calls
from sf_pipelines.policy.costs import cost
from sf_pipelines.policy.health import RailHealth
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.thresholds import Thresholds


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """One decision: the work, the quotas with a sound reading, and what history and people say."""

    slice: Slice
    headroom: Headroom
    history: History
    thresholds: Thresholds
    now: datetime
    forced: Rail | None
    remarks: tuple[Reason, ...]

    @property
    def reserve(self) -> float:
        """Share of each quota that work of this criticality must leave."""
        return self.thresholds.reserve_share[self.slice.criticality]

    @property
    def is_critical(self) -> bool:
        """Whether nothing that is only forecast may hold the work back."""
        return self.slice.criticality is Criticality.CRITICAL

    @property
    def allowed_seconds(self) -> float:
        """Until the deadline of the latency class, or the next scheduled start if that is sooner."""
        by_class = self.thresholds.deadline_seconds[self.slice.latency_class]
        if self.slice.next_start is None:
            return by_class
        return min(by_class, max(0.0, (self.slice.next_start - self.now).total_seconds()))

    def health(self, rail: Rail) -> RailHealth:
        """What the last runs on a rail tell."""
        return self.history.health_of(rail, self.slice.direction)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One rail with its cost, its draws on the quotas, and its price in API calls."""

    cost: RailCost
    draws: list[Draw]
    price: float

    @property
    def rail(self) -> Rail:
        """Which rail."""
        return self.cost.rail


def weigh(rail: Rail, state: State) -> Candidate:
    """What a rail would take of which quota, and what that and its time are worth."""
    slice_ = state.slice
    rail_cost = cost(slice_, rail, state.history.of(rail, slice_.direction))
    # critical work passes on what is there now: a forecast may not hold it back
    foreseen = None if state.is_critical else state.now
    drawn = list(draws(rail_cost, slice_.direction, state.headroom, state.reserve, now=foreseen))
    seconds_price = rail_cost.seconds * state.thresholds.calls_per_second[slice_.latency_class]
    return Candidate(cost=rail_cost, draws=drawn, price=price_in_calls(drawn) + seconds_price)


def units_of(candidate: Candidate, state: State) -> dict[str, int]:
    """Units of every quota that a candidate would take."""
    return needs(candidate.cost, state.slice.direction)
