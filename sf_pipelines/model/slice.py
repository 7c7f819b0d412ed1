"""One piece of a sync that is moved by one run, measured before the rail is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sf_pipelines.model.rail import Criticality, Direction, LatencyClass, Operation, Rail


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A half-open span of time, `start` included and `end` not, both aware UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamState:
    """The change stream that carries the changes of an object, beside polling for them.

    Attributes:
        polls: queries that would keep the object as fresh as the stream does, over the time of the slice.
        trouble: why the stream cannot be relied on now; None while it can.
    """

    polls: int
    trouble: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """The work of one run as the policy sees it.

    Attributes:
        rows: records to move.
        bytes_raw: their size as uncompressed CSV, in bytes.
        fields_refused_by_bulk: fields that Bulk API 2.0 cannot carry (compound, base64).
        distinct_parents: how many parent records the rows refer to, None when not counted.
        next_start: when the schedule starts the same sync again, None where it has no schedule.
        attempt: 1 for the first time that this slice is tried.
        failed_rail: the rail on which the attempt before failed.
        stream: how the object's change stream stands, for an extract of changes that are still to come;
            None for a window of the past, and for loads.
    """

    sync: str
    sobject: str
    direction: Direction
    operation: Operation
    rows: int
    bytes_raw: int
    latency_class: LatencyClass = LatencyClass.BATCH
    criticality: Criticality = Criticality.NORMAL
    fields_refused_by_bulk: tuple[str, ...] = ()
    distinct_parents: int | None = None
    next_start: datetime | None = None
    attempt: int = 1
    failed_rail: Rail | None = None
    stream: StreamState | None = None
