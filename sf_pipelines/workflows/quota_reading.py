"""Reading the org's quotas: into the ledger with a forecast, at a price of one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, WATCHED_BUDGETS, Budget, Headroom
from sf_pipelines.model.outlook import Outlook
from sf_pipelines.policy.forecast import HISTORY_DAYS, forecast
from sf_pipelines.rails.ports import OrgPort

CADENCE_SHARE = 0.005
"""Part of the daily API calls that reading `/limits` on a schedule may cost, half of the promised 1 %."""

SHORTEST_CADENCE_SECONDS = 300.0
"""`/limits` itself is up to five minutes behind [D RESTG], so that reading it more often tells nothing."""

OUTLOOK_LASTS = timedelta(minutes=15)


def read_quota(org: OrgPort, book: QuotaBook, now: Callable[[], datetime]) -> Headroom:
    """Read `/limits` (one metered call), keep it, and renew the forecasts that are due.

    `taken_at` is our clock, since it is compared with our clock. Where `/limits` lacks the API calls,
    which every answer tells in its header, they are taken from there.

    Raises:
        SalesforceError: the org does not answer; LedgerError: the ledger does not.
    """
    told = org.headroom()
    budgets = {name: told.budgets[name] for name in WATCHED_BUDGETS if name in told.budgets}
    usage = org.api_usage
    if DAILY_API_REQUESTS not in budgets and usage is not None:
        budgets[DAILY_API_REQUESTS] = Budget(maximum=usage.maximum, remaining=usage.maximum - usage.used)
    reading = replace(told, taken_at=now(), budgets=budgets)
    book.record_reading(reading)
    renew_outlooks(book, reading, now())
    return reading


def renew_outlooks(book: QuotaBook, reading: Headroom, now: datetime) -> None:
    """Forecast every quota of a reading whose newest forecast is older than a quarter of an hour."""
    known = book.headroom(list(reading.budgets)).budgets
    made: dict[str, Outlook] = {}
    for name in reading.budgets:
        outlook = known[name].outlook if name in known else None
        if outlook is None or now - outlook.made_at >= OUTLOOK_LASTS:
            readings = book.readings(name, since=now - timedelta(days=HISTORY_DAYS))
            renewed = forecast(readings, now)
            if renewed is not None:
                made[name] = renewed
    book.store_outlooks(made)


def cadence_seconds(maximum: int) -> float:
    """How long to wait between two readings of an org that grants this many calls in 24 hours."""
    if maximum <= 0:
        return 3600.0
    return max(SHORTEST_CADENCE_SECONDS, 86_400 / (maximum * CADENCE_SHARE))
