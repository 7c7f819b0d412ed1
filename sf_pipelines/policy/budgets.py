"""What a rail draws from which quota, and whether that still leaves the reserve of more critical work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil, floor, inf

from sf_pipelines.model.decision import Decision, RailCost
from sf_pipelines.model.headroom import (
    DAILY_API_REQUESTS,
    DAILY_BULK_BATCHES,
    DAILY_BULK_QUERY_JOBS,
    DAILY_BULK_QUERY_STORAGE_MB,
    DAILY_DELIVERED_EVENTS,
    Budget,
    Headroom,
)
from sf_pipelines.model.rail import Direction, Rail

BYTES_PER_MB = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """How much of one quota a rail would use, of how much it may use.

    Attributes:
        available: what is left, now and by forecast until the end of the work, less what others have
            reserved and the reserve of more critical work; never negative. maximum: what the org grants.
    """

    budget: str
    used: int
    available: int
    maximum: int

    @property
    def fits(self) -> bool:
        """Whether the reserve stays untouched."""
        return self.used <= self.available

    @property
    def price_in_calls(self) -> float:
        """The draw as API calls at full headroom: the scarcer what is left, the dearer."""
        if self.used == 0:
            return 0.0
        return inf if self.available == 0 else self.used * self.maximum / self.available


def needs(cost: RailCost, direction: Direction) -> dict[str, int]:
    """Units of every quota that a rail touches."""
    units = {DAILY_API_REQUESTS: cost.api_calls}
    if cost.rail is Rail.BULK and direction is Direction.LOAD:
        units[DAILY_BULK_BATCHES] = cost.batches
    if cost.rail is Rail.BULK and direction is Direction.EXTRACT:
        units[DAILY_BULK_QUERY_JOBS] = cost.jobs
        units[DAILY_BULK_QUERY_STORAGE_MB] = ceil(cost.bytes_raw / BYTES_PER_MB)
    if cost.rail is Rail.CDC:
        units[DAILY_DELIVERED_EVENTS] = cost.events
    return units


def draws(
    cost: RailCost,
    direction: Direction,
    headroom: Headroom,
    reserve_share: float,
    *,
    now: datetime | None = None,
) -> Iterator[Draw]:
    """The draws of one rail on every quota that it touches and that the org reports.

    Args:
        now: start of the work; the forecast until its end then counts too. None looks at the present
            only, as critical work does.
    """
    for name, used in needs(cost, direction).items():
        budget = headroom.budgets.get(name)
        if budget is not None:
            left = budget.remaining - budget.reserved
            if now is not None and budget.outlook is not None:
                end = now + timedelta(seconds=cost.seconds)
                left = min(left, floor(lowest_left(budget, headroom.taken_at, now, end)))
            available = max(0, left - reserve_of(budget, reserve_share))
            yield Draw(budget=name, used=used, available=available, maximum=budget.maximum)


def promised(headroom: Headroom, decision: Decision) -> Headroom:
    """The headroom once the chosen rail of a decision has its part."""
    if decision.rail is None:
        return headroom
    taken = needs(decision.costs[decision.rail], decision.slice.direction)
    budgets = {
        name: replace(budget, reserved=budget.reserved + taken.get(name, 0))
        for name, budget in headroom.budgets.items()
    }
    return replace(headroom, budgets=budgets)


def reserve_of(budget: Budget, share: float) -> int:
    """The units that a reserve keeps, rounded up."""
    return ceil(budget.maximum * share)


def lowest_left(budget: Budget, taken_at: datetime, start: datetime, end: datetime) -> float:
    """The least that may be left for others between two moments, at the lower edge of the forecast."""
    left = float(budget.remaining - budget.reserved)
    outlook = budget.outlook
    if outlook is None:
        return left
    return left + min(outlook.lower_edge(taken_at, outlook.moments(start, end)))


def price_in_calls(draws_: list[Draw]) -> float:
    """Total price of a rail's draws, in API calls at full headroom.

    Other quotas are scaled by their size, so that a tenth of the daily batches weighs as much as a
    tenth of the daily calls.
    """
    calls = next((draw.maximum for draw in draws_ if draw.budget == DAILY_API_REQUESTS), None)
    total = 0.0
    for draw in draws_:
        scale = calls / draw.maximum if calls and draw.maximum else 1.0
        total += draw.price_in_calls * (1.0 if draw.budget == DAILY_API_REQUESTS else scale)
    return total
