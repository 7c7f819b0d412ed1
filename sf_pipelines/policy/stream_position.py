"""How far a stream may be taken as stored: at the end of a transaction, not within it. Pure.

The events of a transaction come one after the other, so it is over when another begins, when the org tells
that there is nothing more, or after a while without an event.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime

from sf_pipelines.model.change import ChangeEvent, ReplayPosition, StreamedEvent

TRANSACTION_QUIET_SECONDS = 1.0
"""A stream that is so long without an event has brought its last transaction whole [I]."""


class PositionTracker:
    """Follows the events of one stream in their order."""

    def __init__(self, position: ReplayPosition | None, *, last_commit: datetime | None = None) -> None:
        """Go on from a stored position, or from none."""
        self._whole = self._tail = position.replay_id if position else None
        self._open = position.open_transaction if position else None
        self.last_commit = position.last_commit_timestamp if position else last_commit

    @property
    def is_within_transaction(self) -> bool:
        """Whether more of the newest transaction may come."""
        return self._open is not None

    def copy(self) -> PositionTracker:
        """One that can be thrown away."""
        return copy(self)

    def take(self, event: StreamedEvent) -> None:
        """The next event."""
        if isinstance(event, ChangeEvent):
            if event.transaction_key != self._open:
                self._whole, self._open = self._tail, event.transaction_key
            self.last_commit = max(self.last_commit or event.commit_timestamp, event.commit_timestamp)
        elif self._open is None:
            self._whole = event.replay_id
        self._tail = event.replay_id

    def settle(self, latest_replay_id: bytes | None = None) -> None:
        """There is nothing more for now; a keepalive brings a position behind all that was told."""
        self._tail = self._whole = latest_replay_id or self._tail
        self._open = None

    def position(self) -> ReplayPosition | None:
        """How far the stream is stored once everything that was taken is; None before anything was.

        Where the very first transaction of a stream is not over there is no earlier end to go back to, so the
        position is within it: what follows in the stream is the rest of it, and nothing is lost either.
        """
        replay_id = self._tail if self._whole is None else self._whole
        if replay_id is None:
            return None
        return ReplayPosition(
            replay_id=replay_id, last_commit_timestamp=self.last_commit, open_transaction=self._open
        )
