"""Whether and how rows that failed are sent again: at once within their run, or later. Pure.

Only locks are sent again at once: they pass when fewer writers meet. What is lost for another reason either
fails the same way again (data, permission, duplicate) or needs time (quota, transient, org).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sf_pipelines.config.limits import BULK_BATCH_ROWS, COLLECTION_MAX_ROWS, COMPOSITE_MAX_COLLECTIONS
from sf_pipelines.model.outcome import FailureClass
from sf_pipelines.model.rail import Rail

RESENT_AT_ONCE = frozenset({FailureClass.LOCK})

MAX_ATTEMPTS = 4
"""The first time, a smaller job, then Collections twice."""

FEW_ROWS = 2_000
"""So few locked rows go by Collections at once: a job would wait in the queue for longer."""

COLLECTIONS_MAX_ROWS = 50_000
"""More locked rows than this stay on Bulk: Collections would spend a call on every thousand."""

WAITS: Mapping[FailureClass, timedelta] = {
    FailureClass.LOCK: timedelta(minutes=15),
    FailureClass.TRANSIENT: timedelta(minutes=15),
    FailureClass.UNKNOWN: timedelta(minutes=15),
    FailureClass.ORG: timedelta(hours=1),
    FailureClass.QUOTA: timedelta(hours=1),
}
"""How long a row waits for the run that sends it again; a class that is not named waits for a person."""

LATER_ATTEMPTS = 5
"""Runs that send a row again by themselves, before it waits for a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryStep:
    """How locked rows go the next time, always sorted by parent.

    Attributes:
        chunk_rows: rows of one job or call.
        collection_rows: rows of one Collections request within a call, None on the Bulk rail.
        one_at_a_time: whether a job waits for the end of the one before.
    """

    rail: Rail
    chunk_rows: int
    collection_rows: int | None = None
    one_at_a_time: bool = True


def next_step(*, attempt: int, rail: Rail, rows: int) -> RetryStep | None:
    """The step after attempt number `attempt` left so many rows locked; None where attempts are used up.

    A job of one internal batch has no parallel part: batches of 10,000 are what the org works on side by
    side ([D] BULKG).
    """
    if attempt >= MAX_ATTEMPTS or not rows:
        return None
    stays_on_bulk = rail is Rail.BULK and rows > FEW_ROWS
    if stays_on_bulk and (attempt == 1 or rows > COLLECTIONS_MAX_ROWS):
        return RetryStep(rail=Rail.BULK, chunk_rows=BULK_BATCH_ROWS)
    collection_rows = COLLECTION_MAX_ROWS // 2**attempt
    return RetryStep(
        rail=Rail.REST,
        chunk_rows=collection_rows * COMPOSITE_MAX_COLLECTIONS,
        collection_rows=collection_rows,
    )


def next_attempt_at(failure_class: FailureClass, *, now: datetime, run_attempts: int = 1) -> datetime | None:
    """When a later run may send the row again by itself; None where a person has to mend something.

    Args:
        run_attempts: runs that have sent it so far; each doubles the wait.
    """
    wait = WAITS.get(failure_class)
    if wait is None or run_attempts >= LATER_ATTEMPTS:
        return None
    return now + wait * 2 ** (run_attempts - 1)
