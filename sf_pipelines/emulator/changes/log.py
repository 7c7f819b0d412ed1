"""Reads the org's stream of change events from any place in it.

Belongs here: places, retention, pages of events. Not here: writing the log (capture.py), gRPC and CometD.
Imports capture, events, marks, replay, tables, clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

from sf_pipelines.emulator.changes import replay
from sf_pipelines.emulator.changes.capture import ChangeCapture
from sf_pipelines.emulator.changes.events import ChangeEvent, events_of
from sf_pipelines.emulator.changes.marks import with_mark
from sf_pipelines.emulator.changes.tables import LoggedTransaction
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.temporal import to_epoch_ms

BEGINNING = 0
"""The place before everything."""
_TRANSACTIONS_AT_ONCE = 200
_ROWS_AT_ONCE = 10_000
_CACHED_EVENTS = 40_000


class Page(NamedTuple):
    """Events that follow a place, and the place behind them."""

    events: Sequence[ChangeEvent]
    place: int


class EventLog:
    """The stream. Thread-safe."""

    def __init__(self, capture: ChangeCapture, clock: Clock) -> None:
        """Read what `capture` notes."""
        self._capture = capture
        self._clock = clock
        self._lock = Lock()
        self._cached: OrderedDict[int, list[ChangeEvent]] = OrderedDict()
        self._cached_events = 0
        self._stream = capture.stream

    @property
    def beginning(self) -> int:
        """The place before everything that is kept."""
        self.forget_old()
        return BEGINNING

    @property
    def end(self) -> int:
        """The place behind all events so far."""
        return replay.to_number(self._capture.last_row, replay.SLOTS - 1)

    def replay_id(self, place: int) -> bytes:
        """The id that clients know a place by."""
        return replay.encode(place, self._capture.stream)

    def place_of(self, replay_id: bytes) -> int:
        """The place of an id.

        Raises:
            ValueError: the id was never given by this stream, or what it names is no longer kept.
        """
        number, stream = replay.decode(replay_id)
        self.forget_old()
        if stream != self._capture.stream & 0xFFFF:
            raise ValueError("the id is of a stream that was reset")
        return self.place_of_number(number)

    def place_of_number(self, number: int) -> int:
        """The same for a CometD client, whose ids are numbers.

        Raises:
            ValueError: as above.
        """
        self.forget_old()
        if not self._capture.tables.has_row(replay.row_of(number)):
            raise ValueError("the id isn't one of those that are kept")
        return number

    def keep_alive(self) -> int:
        """The end of the stream, as a place that is kept for as long as an event of this moment."""
        self._capture.mark()
        return self.end

    def read(self, place: int, members: frozenset[str], limit: int) -> Page:
        """At most `limit` events of those objects that follow `place`."""
        found: list[ChangeEvent] = []
        while True:
            transactions = self._capture.tables.transactions(replay.row_of(place), _TRANSACTIONS_AT_ONCE)
            fresh = [one for one in transactions if replay.to_number(one.last, replay.SLOTS - 1) > place]
            if not fresh:
                return Page(found, place)
            for transaction, events in self._built(fresh):
                start = bisect_right(events, place, key=lambda event: event.number) if events else 0
                for event in events[start:]:
                    if event.shape.sobject in members:
                        found.append(event)
                        if len(found) == limit:
                            return Page(found, event.number)
                place = replay.to_number(transaction.last, replay.SLOTS - 1)

    def forget_all(self) -> None:
        """Remove every event so far, as if its time had passed: ids given so far are good no more."""
        self._capture.tables.forget_before(to_epoch_ms(self._clock.now()) + 1)
        self._capture.mark()

    def forget_old(self) -> None:
        """Remove what is older than the retention, and nothing else."""
        self._capture.forget_old(to_epoch_ms(self._clock.now()))

    def _built(
        self, transactions: Sequence[LoggedTransaction]
    ) -> list[tuple[LoggedTransaction, list[ChangeEvent]]]:
        """The next transactions with their events; as many as are read at once."""
        with self._lock:
            if self._stream != self._capture.stream:
                self._forget_cached()
            built: list[tuple[LoggedTransaction, list[ChangeEvent]]] = []
            for transaction in transactions:
                events = self._cached.get(transaction.last)
                if events is None:
                    break
                self._cached.move_to_end(transaction.last)
                built.append((transaction, events))
            return built or self._build(transactions)

    def _build(
        self, transactions: Sequence[LoggedTransaction]
    ) -> list[tuple[LoggedTransaction, list[ChangeEvent]]]:
        first = transactions[0].first
        chosen = [one for one in transactions if one.last - first < _ROWS_AT_ONCE] or list(transactions[:1])
        rows = self._capture.tables.rows(first, chosen[-1].last)
        built: list[tuple[LoggedTransaction, list[ChangeEvent]]] = []
        for one in chosen:
            own = rows[one.first - first : one.last - first + 1]
            events = self._told(events_of(one, own, self._capture.shapes))
            self._cached[one.last] = events
            self._cached_events += len(events)
            built.append((one, events))
        while self._cached_events > _CACHED_EVENTS and len(self._cached) > len(chosen):
            self._cached_events -= len(self._cached.popitem(last=False)[1])
        return built

    def _told(self, events: list[ChangeEvent]) -> list[ChangeEvent]:
        """The events with what a test has done to them."""
        marked = self._capture.tables.marked(events[0].number, events[-1].number) if events else {}
        if not marked:
            return events
        told = [with_mark(one, marked[one.number]) if one.number in marked else one for one in events]
        return [one for one in told if one is not None]

    def _forget_cached(self) -> None:
        self._cached.clear()
        self._cached_events = 0
        self._stream = self._capture.stream
