"""Quotas as Dagster metadata: stable numeric keys, so that headroom is a chart."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from sf_pipelines.model.headroom import (
    DAILY_API_REQUESTS,
    DAILY_BULK_BATCHES,
    DAILY_BULK_QUERY_JOBS,
    DAILY_BULK_QUERY_STORAGE_MB,
    DAILY_DELIVERED_EVENTS,
    Budget,
    Headroom,
)
from sf_pipelines.policy.budget_verdict import BudgetVerdict

KEYS = {
    DAILY_API_REQUESTS: "api_calls",
    DAILY_BULK_BATCHES: "bulk_batches",
    DAILY_BULK_QUERY_JOBS: "query_jobs",
    DAILY_BULK_QUERY_STORAGE_MB: "query_storage_mb",
    DAILY_DELIVERED_EVENTS: "delivered_events",
}
DAY = timedelta(hours=24)


def quota_metadata(headroom: Headroom, verdict: BudgetVerdict) -> dict[str, dg.MetadataValue]:
    """Of every quota: left, reserved, used share, and what is expected to be left in a day."""
    figures: dict[str, dg.MetadataValue] = {
        "verdict": dg.MetadataValue.text(verdict.text),
        "read_at": dg.MetadataValue.timestamp(headroom.taken_at),
    }
    for name, budget in headroom.budgets.items():
        figures |= _figures(KEYS.get(name, name), budget, headroom)
    return figures


def _figures(key: str, budget: Budget, headroom: Headroom) -> dict[str, dg.MetadataValue]:
    used = 1 - budget.remaining / budget.maximum if budget.maximum else 1.0
    figures: dict[str, dg.MetadataValue] = {
        f"{key}_left": dg.MetadataValue.int(budget.remaining),
        f"{key}_reserved": dg.MetadataValue.int(budget.reserved),
        f"{key}_used_share": dg.MetadataValue.float(round(used, 4)),
    }
    outlook, start = budget.outlook, headroom.taken_at
    if outlook is not None:
        expected = budget.remaining + outlook.change(start, start + DAY)
        least = expected - outlook.shortfall(start, start + DAY)
        figures[f"{key}_left_in_24_hours"] = dg.MetadataValue.int(_within(expected, budget))
        figures[f"{key}_left_in_24_hours_at_least"] = dg.MetadataValue.int(_within(least, budget))
    return figures


def _within(value: float, budget: Budget) -> int:
    return int(min(max(0.0, value), budget.maximum))
