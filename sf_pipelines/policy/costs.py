"""The explicit cost model: what a slice takes on each rail, in calls, jobs, batches, bytes and seconds.

Pure arithmetic over documented limits and measured speeds. No choice is made here.
"""

from __future__ import annotations

from math import ceil

from sf_pipelines.config.limits import (
    BULK_BATCH_ROWS,
    BULK_JOB_MAX_BYTES_RAW,
    BULK_RESULT_PAGE_ROWS,
    COMPOSITE_MAX_ROWS,
    QUERY_PAGE_MAX_ROWS,
    REST_BODY_MAX_BYTES,
)
from sf_pipelines.model.decision import RailCost
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.model.slice import Slice
from sf_pipelines.policy.performance import Performance

JSON_BYTES_PER_CSV_BYTE = 3.0
"""A JSON record repeats its field names; three times its CSV is on the safe side."""

INGEST_CALLS_BEYOND_POLLS = 6
"""Create, upload, close, and the three result files."""

FIRST_POLL_SECONDS = 5.0
POLL_GROWTH = 1.5
POLL_MAX_SECONDS = 60.0


def cost(slice_: Slice, rail: Rail, performance: Performance) -> RailCost:
    """Price a slice on REST or Bulk.

    Raises:
        KeyError: for the CDC rail, which has no price for a requested movement.
    """
    price = {
        (Rail.REST, Direction.LOAD): _rest_load,
        (Rail.BULK, Direction.LOAD): _bulk_load,
        (Rail.REST, Direction.EXTRACT): _rest_extract,
        (Rail.BULK, Direction.EXTRACT): _bulk_extract,
    }[rail, slice_.direction]
    return price(slice_, performance)


def polls_within(seconds: float) -> int:
    """How many polls a job of that length takes when the pauses grow from 5 s to 60 s."""
    polls, waited, pause = 1, FIRST_POLL_SECONDS, FIRST_POLL_SECONDS
    while waited < seconds:
        pause = min(pause * POLL_GROWTH, POLL_MAX_SECONDS)
        if pause == POLL_MAX_SECONDS:
            return polls + ceil((seconds - waited) / POLL_MAX_SECONDS)
        waited += pause
        polls += 1
    return polls


def _rest_load(slice_: Slice, performance: Performance) -> RailCost:
    by_rows = ceil(slice_.rows / COMPOSITE_MAX_ROWS)
    by_bytes = ceil(slice_.bytes_raw * JSON_BYTES_PER_CSV_BYTE / REST_BODY_MAX_BYTES)
    calls = max(by_rows, by_bytes)
    return _rail_cost(slice_, Rail.REST, performance, api_calls=calls)


def _bulk_load(slice_: Slice, performance: Performance) -> RailCost:
    jobs = ceil(slice_.bytes_raw / BULK_JOB_MAX_BYTES_RAW) if slice_.rows else 0
    seconds = performance.setup_seconds + slice_.rows / performance.rows_per_second
    calls = jobs * INGEST_CALLS_BEYOND_POLLS + (jobs and jobs - 1 + polls_within(seconds))
    batches = ceil(slice_.rows / BULK_BATCH_ROWS)
    return _rail_cost(slice_, Rail.BULK, performance, api_calls=calls, jobs=jobs, batches=batches)


def _rest_extract(slice_: Slice, performance: Performance) -> RailCost:
    calls = max(1, ceil(slice_.rows / QUERY_PAGE_MAX_ROWS))
    return _rail_cost(slice_, Rail.REST, performance, api_calls=calls)


def _bulk_extract(slice_: Slice, performance: Performance) -> RailCost:
    pages = max(1, ceil(slice_.rows / BULK_RESULT_PAGE_ROWS))
    seconds = performance.setup_seconds + slice_.rows / performance.rows_per_second
    return _rail_cost(slice_, Rail.BULK, performance, api_calls=1 + polls_within(seconds) + pages, jobs=1)


def _rail_cost(
    slice_: Slice, rail: Rail, performance: Performance, *, api_calls: int, jobs: int = 0, batches: int = 0
) -> RailCost:
    trips = api_calls if rail is Rail.REST else jobs * INGEST_CALLS_BEYOND_POLLS
    seconds = (
        performance.setup_seconds
        + trips * performance.call_seconds
        + slice_.rows / performance.rows_per_second
    )
    return RailCost(
        rail=rail,
        api_calls=api_calls,
        jobs=jobs,
        batches=batches,
        bytes_raw=slice_.bytes_raw,
        seconds=round(seconds, 3),
    )
