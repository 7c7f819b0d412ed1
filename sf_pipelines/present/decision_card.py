"""The decision card: which rail, why, and why not the others, as Markdown for the run and asset pages."""

from __future__ import annotations

from sf_pipelines.model.decision import Decision, RailCost
from sf_pipelines.model.headroom import DAILY_API_REQUESTS

_NAMES = {"rest": "REST", "bulk": "Bulk API 2.0", "cdc": "Change Data Capture"}


def decision_card(decision: Decision) -> str:
    """Markdown: the choice, why, why not each other rail, and a table of what each would have taken."""
    chosen = _NAMES[decision.rail.value] if decision.rail else decision.action.value
    lines = [
        f"### {chosen}",
        "",
        *(f"- {reason.text}" for reason in decision.because),
        *_why_not(decision),
        *(f"- Note: {remark.text}" for remark in decision.remarks),
        *_ask_again(decision),
        "",
        "| Rail | API calls | Jobs | Batches | MB | Seconds |",
        "|---|---:|---:|---:|---:|---:|",
        *(_row(rail_cost) for rail_cost in decision.costs.values()),
    ]
    return "\n".join(lines)


def decision_figures(decision: Decision) -> dict[str, int | float]:
    """Numeric metadata that the UI plots over time."""
    figures: dict[str, int | float] = {
        "rows_to_move": decision.slice.rows,
        "bytes_to_move": decision.slice.bytes_raw,
    }
    remaining = decision.headroom.remaining(DAILY_API_REQUESTS)
    if remaining is not None:
        figures["api_calls_left"] = remaining
    budget = decision.headroom.budgets.get(DAILY_API_REQUESTS)
    if budget is not None:
        figures["api_calls_reserved"] = budget.reserved
    if decision.pace_calls_per_minute is not None:
        figures["pace_calls_per_minute"] = round(decision.pace_calls_per_minute, 2)
    if decision.rail is not None:
        figures["calls_forecast"] = decision.costs[decision.rail].api_calls
        figures["seconds_forecast"] = decision.costs[decision.rail].seconds
    return figures


def _why_not(decision: Decision) -> list[str]:
    """Why each other rail lost, unless that is itself the reason for not running."""
    return [
        f"- Not {_NAMES[rail.value]}: {reason.text}"
        for rail, reason in decision.rejected.items()
        if reason not in decision.because
    ]


def _ask_again(decision: Decision) -> list[str]:
    when = decision.defer_until
    return [f"- Ask again at {when:%Y-%m-%d %H:%M}Z."] if when else []


def _row(cost: RailCost) -> str:
    figures = f"{cost.api_calls:,} | {cost.jobs:,} | {cost.batches:,} | {cost.bytes_raw / 1e6:,.1f}"
    return f"| {_NAMES[cost.rail.value]} | {figures} | {cost.seconds:,.0f} |"
