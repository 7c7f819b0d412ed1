"""What a test has done to single events as they were stored.

Belongs here: the marks and their effect. Not here: who is hit (faults/). Imports events.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from sf_pipelines.emulator.changes.events import ChangeEvent


class Mark(StrEnum):
    """What becomes of an event."""

    LOST = "event_lost"
    """It was never stored."""
    GAP = "event_gap"
    """A gap is told in its place."""
    POISON = "event_poison"
    """Its payload isn't Avro of its schema."""
    UNKNOWN_SCHEMA = "event_unknown_schema"
    """It names a schema that the org doesn't know."""


MarkEvent = Callable[[str, str], Mark | None]
"""Object and change type of an event that is about to be stored to what becomes of it."""


def with_mark(event: ChangeEvent, mark: str) -> ChangeEvent | None:
    """The event as it is told; None when it is lost."""
    if mark == Mark.LOST:
        return None
    return event.as_gap() if mark == Mark.GAP else event._replace(mark=mark)
