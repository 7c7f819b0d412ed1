"""Stored change events merged as they come, by the service that stores them.

A Dagster run takes seconds to start, which is too long for whoever wants changes within seconds. Both may
merge: each event is merged once, whoever comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event

from sqlalchemy import Engine

from sf_pipelines.lake.errors import LakeError
from sf_pipelines.ledger.change_figures import pending_events
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.workflows.merge_changes import merge_changes

LOOK_SECONDS = 0.2
TROUBLED_SECONDS = 5.0


def merge_as_stored(
    engine: Engine, channels: Mapping[str, str], stop: Event, *, tell: Callable[[str], None]
) -> int:
    """Merge until told to stop; gives how many events were merged.

    An error is told and tried again: it is nothing that the subscriber beside it should end for.

    Args:
        channels: object to the channel that carries it.
    """
    merged, trouble = 0, ""
    while not stop.is_set():
        try:
            done = _merge_waiting(engine, channels)
        except (LedgerError, LakeError) as error:
            if str(error) != trouble:
                trouble = str(error)
                tell(f"{trouble} Merging is tried again every {TROUBLED_SECONDS:.0f} s.")
            stop.wait(TROUBLED_SECONDS)
            continue
        merged, trouble = merged + done, ""
        if not done:
            stop.wait(LOOK_SECONDS)
    return merged


def _merge_waiting(engine: Engine, channels: Mapping[str, str]) -> int:
    waiting = pending_events(engine)
    return sum(
        merge_changes(engine, sobject, channel).events
        for sobject, channel in channels.items()
        if sobject in waiting
    )
