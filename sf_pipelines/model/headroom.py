"""What is left of an org's quotas at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

DAILY_API_REQUESTS = "DailyApiRequests"
DAILY_BULK_BATCHES = "DailyBulkApiBatches"
DAILY_BULK_QUERY_JOBS = "DailyBulkV2QueryJobs"
DAILY_BULK_QUERY_STORAGE_MB = "DailyBulkV2QueryFileStorageMB"


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """One quota: how much the org grants in its rolling window, and how much of that remains."""

    maximum: int
    remaining: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Headroom:
    """All quotas of an org as read at `taken_at`, by their names in `/limits`."""

    taken_at: datetime
    budgets: Mapping[str, Budget]

    def remaining(self, name: str) -> int | None:
        """What is left of a quota, None where the org does not report it (the set varies by edition)."""
        budget = self.budgets.get(name)
        return None if budget is None else budget.remaining
