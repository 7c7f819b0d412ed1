"""When work that does not fit now will fit, by the forecast. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil

from sf_pipelines.model.headroom import Budget, Headroom
from sf_pipelines.model.outlook import STEP_SECONDS
from sf_pipelines.policy.budgets import reserve_of


def earliest_fit(
    units: Mapping[str, int], headroom: Headroom, seconds: float, reserve_share: float, now: datetime
) -> datetime | None:
    """The first full hour from now at which the work fits every quota until its end.

    Args:
        units: what the work needs, by quota; seconds: how long it takes.

    Returns:
        None where the forecast sees no such hour, or where a quota without a forecast is short.
    """
    margins = [
        _margins(budget, headroom.taken_at, used + reserve_of(budget, reserve_share), now)
        for name, used in units.items()
        if used and (budget := headroom.budgets.get(name)) is not None
    ]
    length = min((len(item) for item in margins if len(item) > 1), default=1)
    hours = max(1, ceil(seconds / STEP_SECONDS)) + 1
    for start in range(length):
        if all(_holds(item, start, hours) for item in margins):
            return now + timedelta(seconds=STEP_SECONDS * (start + 1))
    return None


def is_forecast(units: Mapping[str, int], headroom: Headroom) -> bool:
    """Whether any quota that the work needs has a forecast."""
    budgets = (headroom.budgets.get(name) for name, used in units.items() if used)
    return any(budget is not None and budget.outlook is not None for budget in budgets)


def _margins(budget: Budget, taken_at: datetime, needed: int, now: datetime) -> list[float]:
    """What is left over by the lower edge of the forecast in 1, 2, ... hours; one figure without one."""
    left = float(budget.remaining - budget.reserved - needed)
    outlook = budget.outlook
    if outlook is None:
        return [left]
    moments = [now + timedelta(seconds=STEP_SECONDS * step) for step in range(1, len(outlook.expected) + 1)]
    return [left + change for change in outlook.lower_edge(taken_at, moments)]


def _holds(margins: list[float], start: int, hours: int) -> bool:
    if len(margins) == 1:
        return margins[0] >= 0
    return min(margins[start : start + hours]) >= 0
