"""The explicit cost model: what a slice takes on each rail, in calls, jobs, batches, bytes and seconds.

Pure arithmetic over documented limits and measured speeds. No choice is made here.
"""

from __future__ import annotations

from dataclasses import replace
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
from sf_pipelines.policy.poll_schedule import PollSchedule

JSON_BYTES_PER_CSV_BYTE = 3.0
"""A JSON record repeats its field names; three times its CSV is on the safe side."""

INGEST_CALLS_BEYOND_POLLS = 6
"""Create, upload, close, and the three result files."""

POLLS = PollSchedule()
"""As the client asks."""


def cost(slice_: Slice, rail: Rail, performance: Performance) -> RailCost:
    """Price a slice on a rail.

    Raises:
        KeyError: a load on the CDC rail, which carries nothing into the org.
    """
    price = {
        (Rail.REST, Direction.LOAD): _rest_load,
        (Rail.BULK, Direction.LOAD): _bulk_load,
        (Rail.REST, Direction.EXTRACT): _rest_extract,
        (Rail.BULK, Direction.EXTRACT): _bulk_extract,
        (Rail.CDC, Direction.EXTRACT): _stream,
    }[rail, slice_.direction]
    return price(slice_, performance)


def _rest_load(slice_: Slice, performance: Performance) -> RailCost:
    by_rows = ceil(slice_.rows / COMPOSITE_MAX_ROWS)
    by_bytes = ceil(slice_.bytes_raw * JSON_BYTES_PER_CSV_BYTE / REST_BODY_MAX_BYTES)
    calls = max(by_rows, by_bytes)
    return _rail_cost(slice_, Rail.REST, performance, trips=calls)


def _bulk_load(slice_: Slice, performance: Performance) -> RailCost:
    jobs = max(1, ceil(slice_.bytes_raw / BULK_JOB_MAX_BYTES_RAW)) if slice_.rows else 0
    seconds = performance.setup_seconds + slice_.rows / performance.rows_per_second
    trips = jobs * INGEST_CALLS_BEYOND_POLLS
    polls = jobs and jobs - 1 + POLLS.polls_within(seconds)
    batches = ceil(slice_.rows / BULK_BATCH_ROWS)
    return _rail_cost(slice_, Rail.BULK, performance, trips=trips, polls=polls, jobs=jobs, batches=batches)


def _rest_extract(slice_: Slice, performance: Performance) -> RailCost:
    calls = max(_polls(slice_), ceil(slice_.rows / QUERY_PAGE_MAX_ROWS))
    return _rail_cost(slice_, Rail.REST, performance, trips=calls)


def _bulk_extract(slice_: Slice, performance: Performance) -> RailCost:
    jobs = _polls(slice_)
    pages = max(jobs, ceil(slice_.rows / BULK_RESULT_PAGE_ROWS))
    seconds = performance.setup_seconds + slice_.rows / performance.rows_per_second
    polls = jobs * POLLS.polls_within(seconds)
    return _rail_cost(slice_, Rail.BULK, performance, trips=jobs + pages, polls=polls, jobs=jobs)


def _stream(slice_: Slice, performance: Performance) -> RailCost:
    """Events cost no API call, but each is one of the delivery allocation."""
    return replace(_rail_cost(slice_, Rail.CDC, performance, trips=0), events=slice_.rows)


def _polls(slice_: Slice) -> int:
    """Times that the object has to be asked: once for a window of the past."""
    return 1 if slice_.stream is None else max(1, slice_.stream.polls)


def _rail_cost(
    slice_: Slice,
    rail: Rail,
    performance: Performance,
    *,
    trips: int,
    polls: int = 0,
    jobs: int = 0,
    batches: int = 0,
) -> RailCost:
    """Polls are calls but cost no time of their own: they are made while the org works."""
    seconds = (
        performance.setup_seconds
        + trips * performance.call_seconds
        + slice_.rows / performance.rows_per_second
    )
    return RailCost(
        rail=rail,
        api_calls=trips + polls,
        jobs=jobs,
        batches=batches,
        bytes_raw=slice_.bytes_raw,
        seconds=round(seconds, 3),
    )
