"""Delivers change events to one subscriber, as many as it asked for.

Belongs here: flow control, keepalives, the delivery allocation, the size of an answer. Not here: gRPC's
messages (service.py), the stream itself (changes/log.py). Imports changes, clock, errors, faults, limits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sf_pipelines.emulator.changes.bus import ChangeBus
from sf_pipelines.emulator.changes.encoding import payload_of
from sf_pipelines.emulator.changes.events import ChangeEvent
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.faults.book import SetFault
from sf_pipelines.emulator.faults.streams import StreamFaults
from sf_pipelines.emulator.limits import DELIVERED_EVENTS, LimitBook
from sf_pipelines.emulator.pubsub import errors
from sf_pipelines.wire import pubsub_api_pb2 as wire

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
        self.replies: deque[wire.CommitReplayResponse] = deque()
        """Answers to commits, to be sent before more events."""

    def add(self, count: int) -> None:
        """Ask for more; what is beyond the maximum is cut."""
        with self._clock.changed:
            self.outstanding = min(self.outstanding + count, MAX_OUTSTANDING)
        self._clock.wake()

    def take(self, count: int) -> None:
        """Note that so many were sent."""
        with self._clock.changed:
            self.outstanding -= count

    def reply(self, reply: wire.CommitReplayResponse) -> None:
        """Answer a commit."""
        self.replies.append(reply)
        self._clock.wake()

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
        return self.is_closed or self.error is not None or bool(self.replies)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One answer: events with their payloads, none in a keepalive, or a reply; and the place behind them."""

    events: Sequence[tuple[ChangeEvent, bytes]]
    place: int
    pending: int
    reply: wire.CommitReplayResponse | None = None


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
    faults: StreamFaults

    def deliveries(self) -> Iterator[Delivery]:
        """The answers, until the client is gone or idle.

        Raises:
            PubSubError: a request was wrong, or the allocation is spent.
        """
        deadline = self._next_keepalive()
        while self._wait_for_demand():
            self._break_off()
            answer = self._reply() or self._answer(deadline)
            if answer is not None:
                self.demand.take(len(answer.events))
                self.faults.sent += len(answer.events)
                yield answer
                deadline = self._next_keepalive()

    def _wait_for_demand(self) -> bool:
        """False when the stream is to end."""
        demand = self.demand
        if not (demand.outstanding or demand.is_finished):
            idle = self.clock.after(self.bus.settings.idle_seconds)
            self.clock.wait_for(
                lambda: bool(demand.outstanding or demand.is_finished) or self._must_look, idle
            )
        if demand.error is not None:
            raise demand.error
        return bool(demand.outstanding or demand.replies or self.faults.has_news) and not demand.is_closed

    @property
    def _must_look(self) -> bool:
        return self.demand.must_look or self.faults.has_news

    def _break_off(self) -> None:
        """Do what a test wants done to the stream."""
        self.faults.look()
        if self.faults.due("stream_dropped"):
            raise errors.unavailable()
        if self.faults.due("stream_unauthenticated"):
            raise errors.not_authenticated()

    def _reply(self) -> Delivery | None:
        replies = self.demand.replies
        if not replies:
            return None
        pending = self.demand.outstanding
        return Delivery(events=(), place=self.place, pending=pending, reply=replies.popleft())

    def _answer(self, deadline: datetime) -> Delivery | None:
        """Events, or a keepalive when its time comes first; None when there is something else to see to."""
        if not self.demand.outstanding:
            return None
        silent = self.faults.due("stream_silent")
        if silent is not None:
            return self._silence(silent, deadline)
        answer = self._next()
        if answer is None and not self._wait_for_news(deadline):
            return self._keepalive()
        return answer

    def _wait_for_news(self, deadline: datetime) -> bool:
        """False when nothing came until the time of a keepalive."""
        log = self.bus.log
        return self.clock.wait_for(lambda: log.end > self.place or self._must_look, deadline)

    def _silence(self, silent: SetFault, deadline: datetime) -> Delivery | None:
        """Keepalives only, until the fault is taken away."""
        if self.clock.wait_for(lambda: silent.is_removed or self._must_look, deadline):
            return None
        if silent.fault.options["advances"]:
            self.place = self.bus.log.end
        return Delivery(events=(), place=self.place, pending=self.demand.outstanding)

    def _next_keepalive(self) -> datetime:
        return self.clock.after(self.bus.settings.keepalive_seconds)

    def _keepalive(self) -> Delivery:
        self.bus.log.keep_alive()
        return self._next() or Delivery(events=(), place=self.place, pending=self.demand.outstanding)

    def _next(self) -> Delivery | None:
        """The events that are there, None when there are none; the place moves behind what was looked at."""
        wanted = self.demand.outstanding
        page = self.bus.log.read(self.place, self.members(), self.faults.room(wanted))
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
