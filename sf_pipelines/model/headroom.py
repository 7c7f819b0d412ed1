"""What is left of an org's quotas at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sf_pipelines.model.outlook import Outlook

DAILY_API_REQUESTS = "DailyApiRequests"
DAILY_BULK_BATCHES = "DailyBulkApiBatches"
DAILY_BULK_QUERY_JOBS = "DailyBulkV2QueryJobs"
DAILY_BULK_QUERY_STORAGE_MB = "DailyBulkV2QueryFileStorageMB"
DAILY_DELIVERED_EVENTS = "DailyDeliveredPlatformEvents"

WATCHED_BUDGETS = (
    DAILY_API_REQUESTS,
    DAILY_BULK_BATCHES,
    DAILY_BULK_QUERY_JOBS,
    DAILY_BULK_QUERY_STORAGE_MB,
    DAILY_DELIVERED_EVENTS,
)
"""Quotas that the rails draw on, each with a rolling window of 24 hours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """One quota: how much the org grants in its rolling window, and how much of that remains.

    Attributes:
        reserved: part of what remains that running jobs are entitled to and have not used yet.
        outlook: how the quota will move; None where nothing is known but the reading.
    """

    maximum: int
    remaining: int
    reserved: int = 0
    outlook: Outlook | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Headroom:
    """All quotas of an org as read at `taken_at`, by their names in `/limits`."""

    taken_at: datetime
    budgets: Mapping[str, Budget]

    def remaining(self, name: str) -> int | None:
        """What is left of a quota, None where the org does not report it (the set varies by edition)."""
        budget = self.budgets.get(name)
        return None if budget is None else budget.remaining
