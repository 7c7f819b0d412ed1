"""The stored answer to "which rail, and why not the others"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sf_pipelines.model.headroom import Headroom
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.slice import Slice


class Action(StrEnum):
    """What to do with a slice now."""

    RUN = "run"
    THROTTLE = "throttle"
    DEFER = "defer"
    REFUSE = "refuse"

    @property
    def sends(self) -> bool:
        """Whether records move now."""
        return self in (Action.RUN, Action.THROTTLE)


@dataclass(frozen=True, kw_only=True, slots=True)
class RailCost:
    """What moving a slice would take on one rail.

    Attributes:
        api_calls: metered HTTP requests, polls and result pages included.
        jobs: Bulk jobs; batches: internal batches of 10,000 rows (ingest only).
        bytes_raw: uncompressed payload in bytes.
        events: change events delivered.
        seconds: expected wall time.
    """

    rail: Rail
    api_calls: int
    jobs: int
    batches: int
    bytes_raw: int
    seconds: float
    events: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One argument of a decision, as data: a stable code, the figures, and the sentence made of them."""

    code: str
    text: str
    figures: Mapping[str, float | int | str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The rail for one slice, with what it was weighed against.

    Attributes:
        rail: None when the action is not to run.
        because: the reasons for the choice, most important first.
        rejected: for each other rail why it lost.
        costs: cost of every rail that could be priced.
        defer_until: for `defer`, when to ask again.
        pace_calls_per_minute: for `throttle`, how fast calls may be made.
        remarks: what was wrong with the inputs, and how it was handled.
    """

    action: Action
    rail: Rail | None
    because: tuple[Reason, ...]
    rejected: Mapping[Rail, Reason]
    costs: Mapping[Rail, RailCost]
    slice: Slice
    headroom: Headroom
    decided_at: datetime
    defer_until: datetime | None = None
    forced: bool = False
    pace_calls_per_minute: float | None = None
    remarks: tuple[Reason, ...] = ()
