"""What a rail draws from which quota, and whether that still leaves the reserve of more critical work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, inf

from sf_pipelines.model.decision import RailCost
from sf_pipelines.model.headroom import (
    DAILY_API_REQUESTS,
    DAILY_BULK_BATCHES,
    DAILY_BULK_QUERY_JOBS,
    DAILY_BULK_QUERY_STORAGE_MB,
    Headroom,
)
from sf_pipelines.model.rail import Direction, Rail

BYTES_PER_MB = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """How much of one quota a rail would use, of how much it may use.

    Attributes:
        available: remaining part less the reserve, never negative; maximum: what the org grants.
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


def draws(cost: RailCost, direction: Direction, headroom: Headroom, reserve_share: float) -> Iterator[Draw]:
    """The draws of one rail on every quota that it touches and that the org reports.

    The price of other quotas is scaled to API calls by their size, so that a tenth of the daily
    batches weighs as much as a tenth of the daily calls.
    """
    needs = {DAILY_API_REQUESTS: cost.api_calls}
    if cost.rail is Rail.BULK and direction is Direction.LOAD:
        needs[DAILY_BULK_BATCHES] = cost.batches
    if cost.rail is Rail.BULK and direction is Direction.EXTRACT:
        needs[DAILY_BULK_QUERY_JOBS] = cost.jobs
        needs[DAILY_BULK_QUERY_STORAGE_MB] = ceil(cost.bytes_raw / BYTES_PER_MB)
    for name, used in needs.items():
        budget = headroom.budgets.get(name)
        if budget is not None:
            reserve = ceil(budget.maximum * reserve_share)
            available = max(0, budget.remaining - reserve)
            yield Draw(budget=name, used=used, available=available, maximum=budget.maximum)


def price_in_calls(draws_: list[Draw]) -> float:
    """Total price of a rail's draws, in API calls at full headroom."""
    calls = next((draw.maximum for draw in draws_ if draw.budget == DAILY_API_REQUESTS), None)
    total = 0.0
    for draw in draws_:
        scale = calls / draw.maximum if calls and draw.maximum else 1.0
        total += draw.price_in_calls * (1.0 if draw.budget == DAILY_API_REQUESTS else scale)
    return total
