"""Work and quotas to decide about, small enough to reckon by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sf_pipelines.model.headroom import (
    DAILY_API_REQUESTS,
    DAILY_BULK_BATCHES,
    DAILY_BULK_QUERY_JOBS,
    DAILY_BULK_QUERY_STORAGE_MB,
    DAILY_DELIVERED_EVENTS,
    Budget,
    Headroom,
)
from sf_pipelines.model.rail import Criticality, Direction, LatencyClass, Operation
from sf_pipelines.model.slice import Slice

NOW = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
MAXIMA: Mapping[str, int] = {
    DAILY_API_REQUESTS: 100_000,
    DAILY_BULK_BATCHES: 15_000,
    DAILY_BULK_QUERY_JOBS: 10_000,
    DAILY_BULK_QUERY_STORAGE_MB: 976_562,
    DAILY_DELIVERED_EVENTS: 50_000,
}


def load_slice(
    rows: int,
    bytes_raw: int | None = None,
    *,
    latency_class: LatencyClass = LatencyClass.BATCH,
    criticality: Criticality = Criticality.NORMAL,
) -> Slice:
    """A load, by default of 100 bytes a row."""
    return Slice(
        sync="account_load",
        sobject="Account",
        direction=Direction.LOAD,
        operation=Operation.UPSERT,
        rows=rows,
        bytes_raw=rows * 100 if bytes_raw is None else bytes_raw,
        latency_class=latency_class,
        criticality=criticality,
    )


def extract_slice(
    rows: int,
    *,
    refused: tuple[str, ...] = (),
    latency_class: LatencyClass = LatencyClass.BATCH,
    criticality: Criticality = Criticality.NORMAL,
) -> Slice:
    """An extract of 100 bytes a row."""
    return Slice(
        sync="account_extract",
        sobject="Account",
        direction=Direction.EXTRACT,
        operation=Operation.QUERY,
        rows=rows,
        bytes_raw=rows * 100,
        latency_class=latency_class,
        criticality=criticality,
        fields_refused_by_bulk=refused,
    )


def headroom(**remaining: int) -> Headroom:
    """All quotas full, but for those that are named."""
    budgets = {
        name: Budget(maximum=maximum, remaining=remaining.get(name, maximum))
        for name, maximum in MAXIMA.items()
    }
    return Headroom(taken_at=NOW, budgets=budgets)
