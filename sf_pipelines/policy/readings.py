"""Readings of the quotas that cannot be taken as they are: negative, from the future, too old, missing. Pure.

Every repair leaves a remark, which the decision keeps.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sf_pipelines.model.decision import Reason
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget, Headroom
from sf_pipelines.policy.thresholds import Thresholds


def sound(headroom: Headroom, thresholds: Thresholds, now: datetime) -> tuple[Headroom, tuple[Reason, ...]]:
    """The reading as far as it can be believed, and what was wrong with it."""
    remarks: list[Reason] = []
    ahead_seconds = (headroom.taken_at - now).total_seconds()
    if ahead_seconds > 0:
        if ahead_seconds > thresholds.clock_skew_seconds:
            remarks.append(_skewed(ahead_seconds))
        headroom = replace(headroom, taken_at=now)
    wrong = {name: budget for name, budget in headroom.budgets.items() if not _is_possible(budget)}
    if wrong:
        remarks += [_impossible(name, budget) for name, budget in sorted(wrong.items())]
        mended = {name: _mended(budget) for name, budget in wrong.items()}
        headroom = replace(headroom, budgets={**headroom.budgets, **mended})
    return headroom, tuple(remarks)


def void(headroom: Headroom, thresholds: Thresholds, now: datetime) -> Reason | None:
    """Why a reading says nothing about now, None where it does."""
    if DAILY_API_REQUESTS not in headroom.budgets:
        return Reason(
            code="quota_unknown",
            text=f"The org did not tell how much of {DAILY_API_REQUESTS} is left.",
            figures={"budget": DAILY_API_REQUESTS},
        )
    age_seconds = (now - headroom.taken_at).total_seconds()
    if age_seconds <= thresholds.stale_after_seconds:
        return None
    return Reason(
        code="stale_reading",
        text=f"The newest reading of the quotas is {age_seconds / 60:,.0f} minutes old, "
        f"and it counts for {thresholds.stale_after_seconds / 60:,.0f} only.",
        figures={"age_seconds": age_seconds, "stale_after_seconds": thresholds.stale_after_seconds},
    )


def _is_possible(budget: Budget) -> bool:
    return 0 <= budget.remaining <= budget.maximum and budget.reserved >= 0


def _mended(budget: Budget) -> Budget:
    """Never more than the worse of two readings of a figure that cannot be."""
    maximum = max(0, budget.maximum)
    remaining = min(max(0, budget.remaining), maximum)
    return replace(budget, maximum=maximum, remaining=remaining, reserved=max(0, budget.reserved))


def _impossible(name: str, budget: Budget) -> Reason:
    mended = _mended(budget)
    return Reason(
        code="impossible_reading",
        text=f"The org told that {budget.remaining:,} of {budget.maximum:,} {name} are left; "
        f"it is taken as {mended.remaining:,}.",
        figures={"budget": name, "remaining": budget.remaining, "maximum": budget.maximum},
    )


def _skewed(seconds: float) -> Reason:
    return Reason(
        code="clock_skew",
        text=f"The reading of the quotas is {seconds:,.0f} s ahead of this machine's clock; "
        "it is taken as read now: set the clock.",
        figures={"ahead_seconds": seconds},
    )
