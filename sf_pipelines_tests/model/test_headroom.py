from __future__ import annotations

from datetime import UTC, datetime

from sf_pipelines.model.headroom import DAILY_API_REQUESTS, DAILY_BULK_BATCHES, Budget, Headroom


def test_a_quota_that_the_org_does_not_report_is_unknown_and_not_zero() -> None:
    budgets = {DAILY_API_REQUESTS: Budget(maximum=100, remaining=0)}
    headroom = Headroom(taken_at=datetime(2026, 1, 5, tzinfo=UTC), budgets=budgets)

    assert headroom.remaining(DAILY_API_REQUESTS) == 0
    assert headroom.remaining(DAILY_BULK_BATCHES) is None
