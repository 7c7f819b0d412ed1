"""One open stream of the Pub/Sub API: asks for as many events as there is room for, and never for more.

A thread reads what the org sends; where nobody makes room nothing more is asked for, and it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

import grpc

from sf_pipelines.config.limits import MAX_EVENTS_REQUESTED
from sf_pipelines.rails.change_ports import ChangeStream, Delivery, ReceivedEvent, StreamBegin, StreamLimits
from sf_pipelines.rails.errors import Facts
from sf_pipelines.rails.stream_errors import StreamInterruptedError, StreamSilentError
from sf_pipelines.rails.stream_refusal import stream_error
from sf_pipelines.wire.pubsub_api_pb2 import FetchRequest, FetchResponse

SUBSCRIBE = "Subscribe"
ASK_AGAIN_BELOW = MAX_EVENTS_REQUESTED // 2
"""Events still to come at which more are asked for: the org never waits, and few answers cost a request."""

CLOSE_SECONDS = 5.0

Subscribe = Callable[[Iterator[FetchRequest]], Any]
"""The stub's method with its metadata: requests in, a call that iterates over responses out."""


class PubSubStream(ChangeStream):
    """A stream; use as a context manager."""

    def __init__(
        self,
        subscribe: Subscribe,
        channel: str,
        begin: StreamBegin,
        limits: StreamLimits,
        *,
        monotonic: Callable[[], float],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._channel = channel
        self._limits = limits
        self._monotonic = monotonic
        self._on_error = on_error
        self._lock = Lock()
        self._requests: SimpleQueue[FetchRequest | None] = SimpleQueue()
        self._answers: SimpleQueue[Delivery | BaseException] = SimpleQueue()
        self._held_events = self._held_bytes = self._outstanding = 0
        self._heard_at = monotonic()
        self._is_closed = False
        self._ask(begin)
        self._call = subscribe(iter(self._requests.get, None))
        self._thread = Thread(target=self._read, name=f"read {channel}", daemon=True)
        self._thread.start()

    def next(self, timeout_seconds: float) -> Delivery | None:
        """The next answer of the org, None where there is none within the time."""
        try:
            answer = (
                self._answers.get(timeout=timeout_seconds) if timeout_seconds else self._answers.get_nowait()
            )
        except Empty:
            self._check_silence()
            return None
        if isinstance(answer, BaseException):
            self._answers.put(answer)  # whoever asks again is told again
            raise answer
        return answer

    def release(self, deliveries: Sequence[Delivery]) -> None:
        """Make room: these are stored."""
        with self._lock:
            self._held_events -= sum(len(delivery.events) for delivery in deliveries)
            self._held_bytes -= sum(delivery.size_bytes for delivery in deliveries)
        self._ask()

    def close(self) -> None:
        """End the stream on both sides."""
        self._is_closed = True
        self._requests.put(None)
        self._call.cancel()
        self._thread.join(CLOSE_SECONDS)

    def _ask(self, begin: StreamBegin | None = None) -> None:
        """Ask for what there is room for, if that is worth a request."""
        with self._lock:
            room = min(
                MAX_EVENTS_REQUESTED - self._outstanding,
                self._limits.events - self._held_events - self._outstanding,
            )
            is_full = self._held_bytes >= self._limits.size_bytes
            if is_full or room <= 0 or self._outstanding > ASK_AGAIN_BELOW:
                return
            self._outstanding += room
            if self._outstanding == room:
                self._heard_at = self._monotonic()  # while nothing was asked for, silence was right
        self._requests.put(_request(self._channel, room, begin))

    def _read(self) -> None:
        try:
            for response in self._call:
                self._take(response)
            raise StreamInterruptedError("The org ended the stream.", **self._facts())
        except grpc.RpcError as error:
            self._fail(stream_error(error, method=SUBSCRIBE, channel=self._channel))
        except StreamInterruptedError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - a dead reader must not look like a quiet channel
            self._fail(error)

    def _take(self, response: FetchResponse) -> None:
        delivery = _delivery(response)
        with self._lock:
            self._heard_at = self._monotonic()
            self._held_events += len(delivery.events)
            self._held_bytes += delivery.size_bytes
            self._outstanding = max(0, self._outstanding - len(delivery.events))
        self._ask()
        self._answers.put(delivery)

    def _fail(self, error: BaseException) -> None:
        if not self._is_closed:
            self._on_error(error)
        self._answers.put(error)

    def _check_silence(self) -> None:
        with self._lock:
            silent_seconds = self._monotonic() - self._heard_at if self._outstanding else 0.0
        if silent_seconds > self._limits.silence_seconds:
            raise StreamSilentError(
                f"The stream told nothing for {silent_seconds:,.0f} seconds, not even a keepalive.",
                **self._facts(),
            )

    def _facts(self) -> Facts:
        return Facts(method=SUBSCRIBE, path=self._channel)


def _request(channel: str, room: int, begin: StreamBegin | None) -> FetchRequest:
    if begin is None:
        return FetchRequest(topic_name=channel, num_requested=room)
    return FetchRequest(
        topic_name=channel,
        num_requested=room,
        replay_preset="CUSTOM" if begin.replay_id is not None else begin.start_from.name,
        replay_id=begin.replay_id or b"",
    )


def _delivery(response: FetchResponse) -> Delivery:
    events = tuple(
        ReceivedEvent(
            replay_id=item.replay_id,
            event_id=item.event.id,
            schema_id=item.event.schema_id,
            payload=item.event.payload,
        )
        for item in response.events
    )
    size_bytes = sum(len(event.payload) for event in events)
    return Delivery(events=events, size_bytes=size_bytes, latest_replay_id=response.latest_replay_id)
