"""The nights and hours that syncs are partitioned by."""

from __future__ import annotations

import dagster as dg

from sf_pipelines.model.slice import Window

FIRST_NIGHT = "2026-01-01"

NIGHTS = dg.DailyPartitionsDefinition(start_date=FIRST_NIGHT, end_offset=1)
"""One partition a UTC day. The running day is one too: it holds what there is so far."""


HOURS = dg.HourlyPartitionsDefinition(start_date=f"{FIRST_NIGHT}-00:00", end_offset=1)
"""One partition a UTC hour, for what is sent as it stands. The running hour is one too."""


def window_of(context: dg.AssetExecutionContext) -> Window:
    """The day of the partition under way."""
    span = context.partition_time_window
    return Window(start=span.start, end=span.end)
