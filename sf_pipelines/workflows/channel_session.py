"""The time during which one subscriber holds a channel: where its streams begin, what is stored of them.

`subscribe` decides when to open the next stream; here is what happens within one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sf_pipelines.config.change_settings import StartFrom
from sf_pipelines.ledger.change_queries import stored_schema, stream_starts
from sf_pipelines.model.change import ChangeEvent, ReplayPosition, StreamedEvent, UndecodableEvent
from sf_pipelines.model.gap import Gap
from sf_pipelines.policy.gaps import (
    gap_of_downtime,
    gap_of_event,
    gap_of_first_start,
    gap_of_refused_position,
    gap_of_silence,
    gap_of_spent_allocation,
)
from sf_pipelines.policy.stream_position import TRANSACTION_QUIET_SECONDS, PositionTracker
from sf_pipelines.rails.change_events import EventDecoder
from sf_pipelines.rails.change_ports import ChangeStream, Delivery, StreamBegin
from sf_pipelines.rails.stream_errors import (
    DeliveryAllocationError,
    ReplayIdRefusedError,
    StreamError,
    StreamSilentError,
)
from sf_pipelines.workflows.subscribe_tools import SubscriberFigures, SubscribeTools

BATCH_EVENTS = 1_000
BATCH_BYTES = 8 * 1024 * 1024
NEXT_SECONDS = 0.25
"""How long a quiet stream is waited for before looking whether to stop."""

TELL_SECONDS = 10.0


class ChannelSession:
    """One holding of a channel."""

    def __init__(
        self,
        channel: str,
        tools: SubscribeTools,
        figures: SubscriberFigures,
        until_stored: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._channel = channel
        self._tools = tools
        self._figures = figures
        self._until_stored = until_stored
        self._tracker = PositionTracker(None)
        self._gap_of_start: Callable[[datetime], Gap] | None = None
        self._confirmed_at: datetime | None = None
        self._heard_at = self._told_at = tools.monotonic()
        self._told_events = figures.events
        self.has_heard = False

    def take(self) -> None:
        """Become the holder, and look how far the channel is stored."""
        state = self._tools.ledger.take_channel(self._channel, self._tools.holder)
        self._tracker = PositionTracker(state.position, last_commit=state.last_commit_timestamp)
        self._confirmed_at = state.updated_at
        self._tools.tell(f"{self._channel} is read by this subscriber ({self._tools.holder}).")

    def read(self) -> None:
        """Open a stream and store what it brings, until told to stop.

        Raises:
            StreamError: the stream is over; gaps that follow from that are open.
        """
        self.has_heard = False
        begin = self._begin()
        try:
            with self._tools.pubsub.subscribe(self._channel, begin, self._tools.limits) as stream:
                self._read(stream)
        except ReplayIdRefusedError as error:
            self._start_elsewhere(error)
            raise
        except DeliveryAllocationError:
            self._open(gap_of_spent_allocation(self._channel, self._tracker.last_commit))
            raise
        except StreamSilentError as error:
            self._open(self._gap_of_silence(error))
            raise

    def _read(self, stream: ChangeStream) -> None:
        decoder = EventDecoder(self._schema)
        self._heard_at = self._tools.monotonic()
        while True:
            is_last = self._tools.stop.is_set()
            deliveries = self._gather(stream, 0.0 if is_last else NEXT_SECONDS)
            if deliveries:
                self._store(deliveries, decoder)
            elif is_last:
                return
            else:
                self._settle_where_quiet()
            if not is_last:
                stream.release(deliveries)
            self._tell_now_and_then()

    def _gather(self, stream: ChangeStream, timeout_seconds: float) -> list[Delivery]:
        """What has arrived, as far as it makes one good transaction; waits for the first answer only."""
        gathered: list[Delivery] = []
        events = size_bytes = 0
        while events < BATCH_EVENTS and size_bytes < BATCH_BYTES:
            try:
                delivery = stream.next(0.0 if gathered else timeout_seconds)
            except StreamError:
                if gathered:
                    break  # what came before the end is stored first; the end is told again
                raise
            if delivery is None:
                break
            gathered.append(delivery)
            events += len(delivery.events)
            size_bytes += delivery.size_bytes
        return gathered

    def _store(self, deliveries: Sequence[Delivery], decoder: EventDecoder) -> None:
        self.has_heard = True
        self._heard_at, now = self._tools.monotonic(), self._tools.now()
        events: list[StreamedEvent] = []
        gaps: list[Gap] = []
        tracker = self._tracker.copy()
        for delivery in deliveries:
            for received in delivery.events:
                event = decoder.decode(received)
                gap = gap_of_event(self._channel, event, since=tracker.last_commit, now=now)
                gaps += [gap] if gap else []
                tracker.take(event)
                events.append(event)
            if not delivery.events:
                tracker.settle(delivery.latest_replay_id)
        self._commit(events, gaps, tracker)

    def _commit(self, events: Sequence[StreamedEvent], gaps: list[Gap], tracker: PositionTracker) -> None:
        position = tracker.position()
        if position is None:
            return
        if self._gap_of_start is not None:
            gaps.append(self._gap_of_start(self._tools.now()))
        stored = self._until_stored(
            lambda: self._tools.ledger.store_change_batch(
                self._channel, events, position, holder=self._tools.holder, gaps=gaps
            )
        )
        self._tracker, self._gap_of_start, self._confirmed_at = tracker, None, self._tools.now()
        self._figures.events += stored.events
        self._figures.gaps += stored.gaps
        self._count(events)

    def _count(self, events: Sequence[StreamedEvent]) -> None:
        self._figures.unreadable += sum(isinstance(event, UndecodableEvent) for event in events)
        newest = events[-1] if events else None
        if isinstance(newest, ChangeEvent):
            self._figures.lag_seconds = (self._tools.now() - newest.commit_timestamp).total_seconds()

    def _settle_where_quiet(self) -> None:
        quiet_seconds = self._tools.monotonic() - self._heard_at
        if self._tracker.is_within_transaction and quiet_seconds >= TRANSACTION_QUIET_SECONDS:
            tracker = self._tracker.copy()
            tracker.settle()
            self._commit((), [], tracker)

    def _begin(self) -> StreamBegin:
        position = self._tracker.position()
        if position is not None:
            self._look_for_downtime(position)
            return StreamBegin(replay_id=position.replay_id)
        starts = stream_starts(self._tools.engine, channel=self._channel)
        if not starts:
            return self._start_first()
        newest = starts[0]
        if newest.refused_replay_id is None:
            self._gap_of_start = lambda now: gap_of_first_start(self._channel, now)
        elif newest.start_from == StartFrom.LATEST:
            self._gap_of_start = self._gap_of_refusal(newest.reason)
        return StreamBegin(start_from=StartFrom(newest.start_from))

    def _look_for_downtime(self, position: ReplayPosition) -> None:
        """Whether nobody has read the channel for too long, since no subscriber ran or none got through."""
        now = self._tools.now()
        gap = gap_of_downtime(self._channel, position, heard_at=self._confirmed_at or now, now=now)
        if gap is not None:
            self._open(gap)
            self._confirmed_at = now  # the gap covers it up to here

    def _start_first(self) -> StreamBegin:
        start_from = self._tools.settings.first_start
        self._record_start(start_from, f"{self._channel} was never read before.", ())
        self._gap_of_start = lambda now: gap_of_first_start(self._channel, now)
        return StreamBegin(start_from=start_from)

    def _start_elsewhere(self, error: ReplayIdRefusedError) -> None:
        """Never in silence: the choice is recorded, and what may be missing is a gap."""
        reason = str(error)
        gap = self._gap_of_refusal(reason)(self._tools.now())
        self._record_start(self._tools.settings.restart, reason, [gap])
        self._tracker = PositionTracker(None, last_commit=self._tracker.last_commit)

    def _record_start(self, start_from: StartFrom, reason: str, gaps: Sequence[Gap]) -> None:
        self._until_stored(
            lambda: self._tools.ledger.record_start(
                self._channel, start_from, holder=self._tools.holder, reason=reason, gaps=gaps
            )
        )
        self._figures.starts += 1
        self._figures.gaps += len(gaps)
        self._tools.tell(f"{reason} {self._channel} begins at {start_from}, as the settings say.")

    def _gap_of_refusal(self, told: str) -> Callable[[datetime], Gap]:
        since = self._tracker.last_commit
        return lambda now: gap_of_refused_position(self._channel, since, now=now, told=told)

    def _gap_of_silence(self, error: StreamSilentError) -> Gap:
        silent_seconds = self._tools.monotonic() - self._heard_at
        return gap_of_silence(
            self._channel, self._tracker.last_commit, now=self._tools.now(), silent_seconds=silent_seconds
        )

    def _open(self, gap: Gap) -> None:
        self._until_stored(lambda: self._tools.ledger.open_gap(gap))
        self._figures.gaps += 1
        self._tools.tell(gap.detail)

    def _schema(self, schema_id: str) -> str:
        """From the ledger, where an earlier stream has kept it, or else from the org."""
        known = self._until_stored(lambda: stored_schema(self._tools.engine, schema_id))
        if known is not None:
            return known
        schema_json = self._tools.pubsub.schema(schema_id)
        self._until_stored(lambda: self._tools.ledger.keep_schema(schema_id, schema_json))
        return schema_json

    def _tell_now_and_then(self) -> None:
        """Progress, where there is any."""
        now, figures = self._tools.monotonic(), self._figures
        if figures.events == self._told_events or now - self._told_at < TELL_SECONDS:
            return
        self._told_at, self._told_events = now, figures.events
        lag = "" if figures.lag_seconds is None else f", {figures.lag_seconds:,.1f} s behind the org"
        self._tools.tell(f"{self._channel}: {figures.events:,} events, {figures.gaps:,} gaps{lag}.")
