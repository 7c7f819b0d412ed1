"""How the changes of an object stand: what waits and how long, the stream's position, and the open gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from sf_pipelines.ledger.change_figures import pending_events
from sf_pipelines.ledger.change_queries import GapRow, channel_states, open_gaps

FRESH_SECONDS = 600.0
"""An org tells at least every 270 seconds where a stream stands [D PSG]: twice missed is too old."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeHealth:
    """Changes of one object at one moment.

    Attributes:
        pending: events that are stored and not merged.
        lag_seconds: age of the oldest of them by its commit in the org; 0 where none waits.
        position_age_seconds: since the stream last told where it stands; None where it never did.
        gaps: open ones, the oldest first.
    """

    sobject: str
    channel: str
    pending: int
    lag_seconds: float
    position_age_seconds: float | None
    gaps: Sequence[GapRow]

    @property
    def is_fresh(self) -> bool:
        """Whether the stream has told where it stands as often as it has to."""
        return self.position_age_seconds is not None and self.position_age_seconds <= FRESH_SECONDS


def change_health(engine: Engine, sobject: str, channel: str, now: datetime) -> ChangeHealth:
    """Look at the ledger; it costs no call.

    Raises:
        LedgerError: the database cannot be reached.
    """
    waiting = pending_events(engine).get(sobject)
    heard = {state.channel: state.updated_at for state in channel_states(engine)}.get(channel)
    return ChangeHealth(
        sobject=sobject,
        channel=channel,
        pending=waiting.events if waiting else 0,
        lag_seconds=max(0.0, (now - waiting.oldest_commit).total_seconds()) if waiting else 0.0,
        position_age_seconds=None if heard is None else max(0.0, (now - heard).total_seconds()),
        gaps=[gap for gap in open_gaps(engine, sobject=sobject) if gap.channel == channel],
    )
