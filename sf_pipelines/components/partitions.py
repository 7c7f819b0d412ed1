"""The nights and hours that syncs are partitioned by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from sf_pipelines.model.slice import Window
from sf_pipelines.workflows.routing import RANGE_MARK

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""How Dagster is told that a run is for a range of partitions."""

FIRST_NIGHT = "2026-01-01"

NIGHTS = dg.DailyPartitionsDefinition(start_date=FIRST_NIGHT, end_offset=1)
"""One partition a UTC day. The running day is one too: it holds what there is so far."""


HOURS = dg.HourlyPartitionsDefinition(start_date=f"{FIRST_NIGHT}-00:00", end_offset=1)
"""One partition a UTC hour, for what is sent as it stands. The running hour is one too."""


def window_of(context: dg.AssetExecutionContext) -> Window:
    """The day of the partition under way, or the days of its range."""
    span = context.partition_time_window
    return Window(start=span.start, end=span.end)


def partitions_text(context: dg.AssetExecutionContext) -> str:
    """The partition under way as the ledger names it; a range as Dagster writes it, `first...last`."""
    keys = context.partition_keys
    return keys[0] if len(keys) == 1 else f"{keys[0]}{RANGE_MARK}{keys[-1]}"


def day_of(partition_key: str) -> Window:
    """The day that a partition is named after."""
    start = datetime.fromisoformat(partition_key).replace(tzinfo=UTC)
    return Window(start=start, end=start + timedelta(days=1))


def request_of(partition_key: str | None, **request: Any) -> dg.RunRequest:
    """A run request for what the ledger calls a partition: a night, a range of them, or none."""
    first, mark, last = (partition_key or "").partition(RANGE_MARK)
    if not mark:
        return dg.RunRequest(partition_key=partition_key, **request)
    tags = {**request.pop("tags", {}), RANGE_START: first, RANGE_END: last}
    return dg.RunRequest(tags=tags, **request)
