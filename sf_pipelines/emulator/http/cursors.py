"""Open query cursors: a query's fixed row set, kept for two days so that its pages can be fetched.

Belongs here: store and expiry. Not here: rendering (records.py), the query resource (query.py). Imports
clock, ids, results.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.ids import IdFactory
from sf_pipelines.emulator.results import QueryResult

CURSOR_KEY_PREFIX = "01g"
# [D] LIM apicursors: since v56.
CURSOR_LIFE = timedelta(days=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """One query that has more rows than one page."""

    id: str
    result: QueryResult
    opened_at: datetime


class CursorStore:
    """All open cursors. Thread-safe."""

    def __init__(self, clock: Clock, ids: IdFactory) -> None:
        """Start with none."""
        self._clock = clock
        self._ids = ids
        self._lock = Lock()
        self._cursors: dict[str, Cursor] = {}

    def open(self, result: QueryResult) -> Cursor:
        """Keep a query's rows for later pages."""
        cursor = Cursor(id=self._ids.next(CURSOR_KEY_PREFIX), result=result, opened_at=self._clock.now())
        with self._lock:
            self._drop_expired()
            self._cursors[cursor.id] = cursor
        return cursor

    def find(self, locator: str) -> tuple[Cursor, int]:
        """The cursor and the row offset of `<cursor id>-<offset>`.

        Raises:
            SalesforceError: 400 INVALID_QUERY_LOCATOR, when it is unknown, past its life, or beyond the rows.
        """
        cursor_id, _, offset_text = locator.rpartition("-")
        with self._lock:
            self._drop_expired()
            cursor = self._cursors.get(cursor_id)
        if cursor is None or not (offset_text.isascii() and offset_text.isdigit()) or len(offset_text) > 12:
            raise _invalid_locator()
        offset = int(offset_text)
        if offset >= cursor.result.total_size:
            raise _invalid_locator()
        return cursor, offset

    def clear(self) -> None:
        """Close them all."""
        with self._lock:
            self._cursors.clear()

    def _drop_expired(self) -> None:
        oldest = self._clock.now() - CURSOR_LIFE
        for cursor_id in [key for key, one in self._cursors.items() if one.opened_at <= oldest]:
            del self._cursors[cursor_id]


def _invalid_locator() -> SalesforceError:
    return SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
