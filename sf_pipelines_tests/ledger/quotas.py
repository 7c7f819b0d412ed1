"""A clock that tests move, readings, and runs that hold quota."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine

from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget, Headroom
from sf_pipelines_tests.ledger.samples import NOON, start_load


class HandClock:
    """Stands until a test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def reading(remaining: int, taken_at: datetime = NOON, maximum: int = 1_000) -> Headroom:
    """What the org told of its API calls."""
    budgets = {DAILY_API_REQUESTS: Budget(maximum=maximum, remaining=remaining)}
    return Headroom(taken_at=taken_at, budgets=budgets)


def reserve(book: QuotaBook, engine: Engine, calls: int, *, lease_seconds: float = 900.0) -> UUID:
    """A new run that was promised calls."""
    run_id = start_load(Ledger(engine))
    with book.desk() as desk:
        desk.reserve(run_id, {DAILY_API_REQUESTS: calls}, lease_seconds=lease_seconds)
    return run_id
