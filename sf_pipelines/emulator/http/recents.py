"""The rows that a user touched last, for the recent items of an object.

Belongs here: remembering ids. Not here: reading their rows (rows.py). Imports nothing of the emulator.
"""

from __future__ import annotations

from collections import deque
from threading import Lock

# [I] the documents name no number.
MOST_RECENT_ITEMS = 25


class RecentItems:
    """Ids by user and object, newest first. Thread-safe; not kept over a restart."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = Lock()
        self._ids: dict[tuple[str, str], deque[str]] = {}

    def note(self, user_id: str, sobject: str, id_: str) -> None:
        """The user has just created, read or changed that row."""
        with self._lock:
            ids = self._ids.setdefault((user_id, sobject), deque(maxlen=MOST_RECENT_ITEMS))
            if id_ in ids:
                ids.remove(id_)
            ids.appendleft(id_)

    def of(self, user_id: str, sobject: str) -> list[str]:
        """The ids, newest first; some may be deleted meanwhile."""
        with self._lock:
            return list(self._ids.get((user_id, sobject), ()))

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._ids.clear()
