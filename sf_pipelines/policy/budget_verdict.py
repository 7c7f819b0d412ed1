"""Whether the quotas of an org are within budget: now, and by forecast for a day. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sf_pipelines.model.headroom import Budget, Headroom
from sf_pipelines.model.rail import Criticality
from sf_pipelines.policy.budgets import lowest_left, reserve_of
from sf_pipelines.policy.readings import sound, void
from sf_pipelines.policy.thresholds import Thresholds

AHEAD = timedelta(hours=24)


class BudgetState(StrEnum):
    """The worst of what was found."""

    WITHIN = "within"
    MAY_BREAK = "may_break"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetVerdict:
    """The state with the sentences that explain it."""

    state: BudgetState
    text: str


def budget_verdict(headroom: Headroom, thresholds: Thresholds, now: datetime) -> BudgetVerdict:
    """Whether what normal work must leave for critical work is there, and will be for a day."""
    believed, _ = sound(headroom, thresholds, now)
    unknown = void(believed, thresholds, now)
    if unknown is not None:
        return BudgetVerdict(state=BudgetState.BROKEN, text=unknown.text)
    share = thresholds.reserve_share[Criticality.NORMAL]
    found = [
        _look(name, budget, share, believed.taken_at, now)
        for name, budget in sorted(believed.budgets.items())
        if budget.maximum > 0
    ]
    worst = max((state for state, _ in found), key=list(BudgetState).index, default=BudgetState.WITHIN)
    if worst is BudgetState.WITHIN:
        text = f"Every quota keeps the {share:.0%} that belong to critical work, for the next 24 hours too."
    else:
        text = " ".join(sentence for state, sentence in found if state is not BudgetState.WITHIN)
    return BudgetVerdict(state=worst, text=text)


def _look(
    name: str, budget: Budget, share: float, taken_at: datetime, now: datetime
) -> tuple[BudgetState, str]:
    reserve = reserve_of(budget, share)
    left = budget.remaining - budget.reserved
    if left < reserve:
        return BudgetState.BROKEN, (
            f"{left:,} of {budget.maximum:,} {name} are left, and {reserve:,} belong to critical work."
        )
    lowest = lowest_left(budget, taken_at, now, now + AHEAD)
    if lowest < reserve:
        return BudgetState.MAY_BREAK, (
            f"{name} may fall to {max(0, int(lowest)):,} within 24 hours, "
            f"and {reserve:,} belong to critical work."
        )
    return BudgetState.WITHIN, ""
