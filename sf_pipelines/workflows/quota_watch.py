"""The watch over the quotas: readings when due, promises of dead runs given back, deferred work let go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.thresholds import current_thresholds
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, WATCHED_BUDGETS, Headroom
from sf_pipelines.policy.budget_verdict import BudgetVerdict, budget_verdict
from sf_pipelines.workflows.quota_reading import cadence_seconds, read_quota
from sf_pipelines.workflows.routing import PendingWork, release_deferred
from sf_pipelines.workflows.tools import Tools


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaWatch:
    """What one look found.

    Attributes:
        headroom: with promises and forecasts; next_in_seconds: until the next reading is due, if it was
            not due yet and nothing was read.
        released: deferred work that may go; given_back: runs whose promises were given back.
    """

    headroom: Headroom
    verdict: BudgetVerdict
    next_in_seconds: float | None
    released: list[PendingWork]
    given_back: int


def watch_quota(tools: Tools, *, is_over: Callable[[str], bool]) -> QuotaWatch:
    """Look at the quotas; it costs one call where a reading is due, and none else.

    Args:
        is_over: whether a Dagster run, by its id, has ended.
    """
    book = QuotaBook(tools.engine, clock=tools.clock)
    given_back = _give_back(book, is_over)
    wait_seconds = _wait_seconds(book, tools)
    if wait_seconds <= 0:
        read_quota(tools.client.org, book, tools.clock)
    headroom = book.headroom(WATCHED_BUDGETS)
    return QuotaWatch(
        headroom=headroom,
        verdict=budget_verdict(headroom, current_thresholds(tools.engine), tools.clock()),
        next_in_seconds=wait_seconds if wait_seconds > 0 else None,
        released=release_deferred(tools.engine, tools.clock),
        given_back=given_back,
    )


def _wait_seconds(book: QuotaBook, tools: Tools) -> float:
    """Headers tell of the API calls only, so the other quotas wait for `/limits`."""
    calls = book.headroom([DAILY_API_REQUESTS]).budgets.get(DAILY_API_REQUESTS)
    read_at = book.limits_read_at()
    if calls is None or read_at is None:
        return 0.0
    age_seconds = (tools.clock() - read_at).total_seconds()
    return cadence_seconds(calls.maximum) - age_seconds


def _give_back(book: QuotaBook, is_over: Callable[[str], bool]) -> int:
    """Promises of runs that Dagster knows to have ended, however they ended."""
    runs = {item.run_id: item.dagster_run_id for item in book.open_reservations()}
    over = [run_id for run_id, dagster_id in runs.items() if dagster_id is not None and is_over(dagster_id)]
    for run_id in over:
        book.settle(run_id)
    return len(over)
