"""Delivers change events to one subscriber, as many as it asked for.

Belongs here: flow control, keepalives, the delivery allocation, the size of an answer. Not here: gRPC's
messages (service.py), the stream itself (changes/log.py). Imports changes, clock, errors, limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sf_pipelines.emulator.changes.bus import ChangeBus
from sf_pipelines.emulator.changes.encoding import payload_of
from sf_pipelines.emulator.changes.events import ChangeEvent
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.limits import DELIVERED_EVENTS, LimitBook
from sf_pipelines.emulator.pubsub import errors

MAX_OUTSTANDING = 100
"""[D] section 8: events that a subscriber may have asked for and not received."""
# [D] gRPC clients take 4 MB a message by default; an answer has one event at least.
_ANSWER_BYTES = 3_000_000


class Demand:
    """What a subscriber wants at this moment. Told by the thread that reads its requests."""

    def __init__(self, clock: Clock, count: int) -> None:
        """Begin with `count` events asked for."""
        self._clock = clock
        self.outstanding = min(count, MAX_OUTSTANDING)
        self.is_finished = False
        """The client asks for nothing more, and still takes what it asked for."""
        self.is_closed = False
        """The client is gone."""
        self.error: errors.PubSubError | None = None

    def add(self, count: int) -> None:
        """Ask for more; what is beyond the maximum is cut."""
        with self._clock.changed:
            self.outstanding = min(self.outstanding + count, MAX_OUTSTANDING)
        self._clock.wake()

    def take(self, count: int) -> None:
        """Note that so many were sent."""
        with self._clock.changed:
            self.outstanding -= count

    def finish(self) -> None:
        """The client has closed its side."""
        self.is_finished = True
        self._clock.wake()

    def close(self) -> None:
        """The call is over."""
        self.is_closed = True
        self._clock.wake()

    def fail(self, error: errors.PubSubError) -> None:
        """A request was wrong: the call is to end with that."""
        self.error = error
        self._clock.wake()

    @property
    def must_look(self) -> bool:
        """True when there is something besides events to see to."""
        return self.is_closed or self.error is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One answer: events with their payloads, none in a keepalive, and the place behind them."""

    events: Sequence[tuple[ChangeEvent, bytes]]
    place: int
    pending: int


@dataclass(kw_only=True, slots=True)
class Deliverer:
    """Follows the stream for one subscriber."""

    bus: ChangeBus
    clock: Clock
    limits: LimitBook
    demand: Demand
    members: Callable[[], frozenset[str]]
    """The objects of the topic, as they are selected now."""
    place: int

    def deliveries(self) -> Iterator[Delivery]:
        """The answers, until the client is gone or idle.

        Raises:
            PubSubError: a request was wrong, or the allocation is spent.
        """
        deadline = self._next_keepalive()
        while self._wait_for_demand():
            answer = self._next()
            if answer is None and not self._wait_for_news(deadline):
                answer = self._keepalive()
            if answer is not None:
                self.demand.take(len(answer.events))
                yield answer
                deadline = self._next_keepalive()

    def _wait_for_demand(self) -> bool:
        """False when the stream is to end."""
        demand = self.demand
        if not demand.outstanding and not demand.is_finished:
            idle = self.clock.after(self.bus.settings.idle_seconds)
            self.clock.wait_for(
                lambda: bool(demand.outstanding or demand.is_finished or demand.must_look), idle
            )
        if demand.error is not None:
            raise demand.error
        return demand.outstanding > 0 and not demand.is_closed

    def _wait_for_news(self, deadline: datetime) -> bool:
        """False when nothing came until the time of a keepalive."""
        log = self.bus.log
        return self.clock.wait_for(lambda: log.end > self.place or self.demand.must_look, deadline)

    def _next_keepalive(self) -> datetime:
        return self.clock.after(self.bus.settings.keepalive_seconds)

    def _keepalive(self) -> Delivery:
        self.bus.log.keep_alive()
        return self._next() or Delivery(events=(), place=self.place, pending=self.demand.outstanding)

    def _next(self) -> Delivery | None:
        """The events that are there, None when there are none; the place moves behind what was looked at."""
        wanted = self.demand.outstanding
        page = self.bus.log.read(self.place, self.members(), wanted)
        if not page.events:
            self.place = page.place
            return None
        chosen = self._fitting(page.events)
        allowed = self.limits.spend_up_to(DELIVERED_EVENTS, len(chosen))
        if not allowed:
            raise errors.delivery_exceeded()
        chosen = chosen[:allowed]
        self.place = page.place if len(chosen) == len(page.events) else chosen[-1][0].number
        return Delivery(events=chosen, place=self.place, pending=wanted - len(chosen))

    def _fitting(self, events: Sequence[ChangeEvent]) -> list[tuple[ChangeEvent, bytes]]:
        chosen: list[tuple[ChangeEvent, bytes]] = []
        room = _ANSWER_BYTES
        for event in events:
            payload = payload_of(event, self.bus.settings.event_bytes)
            room -= len(payload)
            if chosen and room < 0:
                break
            chosen.append((event, payload))
        return chosen
