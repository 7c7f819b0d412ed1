"""A Pub/Sub API in this process that plays what a test scripts, for answers that no good org gives.

Keeps the contract where nothing is scripted: it never sends more than was asked for, goes on exactly behind a
replay id, and knows tokens and schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Condition, Thread
from types import TracebackType
from typing import Any, NoReturn

import grpc

from sf_pipelines.config.settings import Secret
from sf_pipelines.rails.auth import Authenticator, Grant
from sf_pipelines.rails.change_ports import ReceivedEvent
from sf_pipelines.wire.pubsub_api_pb2 import (
    ConsumerEvent,
    FetchRequest,
    FetchResponse,
    ProducerEvent,
    ReplayPreset,
    SchemaInfo,
    SchemaRequest,
)
from sf_pipelines.wire.pubsub_api_pb2_grpc import PubSubServicer, add_PubSubServicer_to_server

CODE_PREFIX = "sfdc.platform.eventbus.grpc."
THREADS = 16
MAX_OUTSTANDING = 100


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """How the next call of a kind is refused."""

    status: grpc.StatusCode
    code: str | None = None
    details: str = "refused by the test"


@dataclass(kw_only=True)
class Subscription:
    """What one stream was begun with, and asked for since."""

    topic: str
    preset: int
    replay_id: bytes
    token: str
    tenant: str
    instance_url: str
    requested: list[int] = field(default_factory=list)
    sent: int = 0


class FakePubSub(PubSubServicer):
    """Use as a context manager; `url` is where it listens.

    Attributes:
        tokens: that are taken; empty takes any.
        refusals: by method, used up in order.
        is_silent: says nothing at all, not even a keepalive.
        events_per_answer: largest answer.
    """

    def __init__(self) -> None:
        self.events: list[ReceivedEvent] = []
        self.schemas: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.refusals: dict[str, list[Refusal]] = {"Subscribe": [], "GetSchema": []}
        self.subscriptions: list[Subscription] = []
        self.schema_calls: list[str] = []
        self.is_silent = False
        self.events_per_answer = MAX_OUTSTANDING
        self._changed = Condition()
        self._cuts = 0
        self._keepalives = 0
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS), options=[("grpc.max_send_message_length", -1)]
        )
        add_PubSubServicer_to_server(self, self._server)
        self.url = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> FakePubSub:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(grace=None).wait()

    def publish(self, *events: ReceivedEvent) -> None:
        """Events that every stream gets from here on."""
        with self._changed:
            self.events += events
            self._changed.notify_all()

    def purge(self) -> None:
        """Forget all events; their replay ids are refused from here on."""
        with self._changed:
            self.events.clear()

    def cut(self) -> None:
        """End every open stream with UNAVAILABLE."""
        with self._changed:
            self._cuts += 1
            self._changed.notify_all()

    def keepalive(self) -> None:
        """Send an empty answer on every open stream now."""
        with self._changed:
            self._keepalives += 1
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[], bool], *, seconds: float = 20.0) -> None:
        """Until something about the streams holds."""
        with self._changed:
            if not self._changed.wait_for(condition, seconds):
                raise TimeoutError("What the test waits for did not come.")

    def GetSchema(self, request: SchemaRequest, context: grpc.ServicerContext) -> SchemaInfo:
        self.schema_calls.append(request.schema_id)
        self._check(context, "GetSchema")
        schema_json = self.schemas.get(request.schema_id)
        if schema_json is None:
            status = grpc.StatusCode.INVALID_ARGUMENT
            _abort(context, Refusal(status=status, code="schema.validation.failed"))
        return SchemaInfo(schema_id=request.schema_id, schema_json=schema_json)

    def Subscribe(
        self, requests: Iterator[FetchRequest], context: grpc.ServicerContext
    ) -> Iterator[FetchResponse]:
        first = next(requests)
        metadata: dict[str, Any] = dict(context.invocation_metadata())
        subscription = Subscription(
            topic=first.topic_name,
            preset=first.replay_preset,
            replay_id=first.replay_id,
            token=metadata.get("accesstoken", ""),
            tenant=metadata.get("tenantid", ""),
            instance_url=metadata.get("instanceurl", ""),
            requested=[first.num_requested],
        )
        with self._changed:
            self.subscriptions.append(subscription)
            self._changed.notify_all()
        self._check(context, "Subscribe")
        position = self._begin(subscription, context)
        Thread(target=self._listen, args=(requests, subscription), daemon=True).start()
        yield from self._serve(subscription, position, context)

    def _begin(self, subscription: Subscription, context: grpc.ServicerContext) -> int:
        if subscription.preset == ReplayPreset.EARLIEST:
            return 0
        if subscription.preset == ReplayPreset.LATEST:
            return len(self.events)
        for number, event in enumerate(self.events, start=1):
            if event.replay_id == subscription.replay_id:
                return number
        status = grpc.StatusCode.INVALID_ARGUMENT
        return _abort(context, Refusal(status=status, code="subscription.fetch.replayid.corrupted"))

    def _listen(self, requests: Iterator[FetchRequest], subscription: Subscription) -> None:
        try:
            for request in requests:
                with self._changed:
                    subscription.requested.append(request.num_requested)
                    self._changed.notify_all()
        except Exception:  # noqa: BLE001 - grpc ends the iterator of a broken stream with any error
            return

    def _serve(
        self, subscription: Subscription, position: int, context: grpc.ServicerContext
    ) -> Iterator[FetchResponse]:
        context.add_callback(self._wake)
        cuts, keepalives = self._cuts, self._keepalives
        while context.is_active():
            with self._changed:
                self._changed.wait_for(
                    lambda position=position, cuts=cuts, keepalives=keepalives: (
                        not context.is_active()
                        or self._cuts > cuts
                        or self._keepalives > keepalives
                        or self._ready(subscription, position) > 0
                    )
                )
                count = self._ready(subscription, position)
                batch = self.events[position : position + count]
                subscription.sent += count
            if self._cuts > cuts:
                _abort(context, Refusal(status=grpc.StatusCode.UNAVAILABLE))
            position, keepalives = position + len(batch), self._keepalives
            yield self._answer(batch, subscription)

    def _ready(self, subscription: Subscription, position: int) -> int:
        """How many events may be sent now."""
        if self.is_silent:
            return 0
        outstanding = min(MAX_OUTSTANDING, sum(subscription.requested) - subscription.sent)
        return min(outstanding, len(self.events) - position, self.events_per_answer)

    def _answer(self, batch: list[ReceivedEvent], subscription: Subscription) -> FetchResponse:
        latest = self.events[-1].replay_id if self.events else b"\x00"
        return FetchResponse(
            events=[
                ConsumerEvent(
                    event=ProducerEvent(id=event.event_id, schema_id=event.schema_id, payload=event.payload),
                    replay_id=event.replay_id,
                )
                for event in batch
            ],
            latest_replay_id=batch[-1].replay_id if batch else latest,
            pending_num_requested=sum(subscription.requested) - subscription.sent,
        )

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _check(self, context: grpc.ServicerContext, method: str) -> None:
        if self.refusals[method]:
            _abort(context, self.refusals[method].pop(0))
        metadata: dict[str, Any] = dict(context.invocation_metadata())
        if self.tokens and metadata.get("accesstoken") not in self.tokens:
            _abort(context, Refusal(status=grpc.StatusCode.UNAUTHENTICATED, code="service.auth.error"))


class FixedGrants(Authenticator):
    """Tokens without an org that gives them: token-1, and the next one for each that is refused."""

    def __init__(self) -> None:
        self._number = 1

    def grant(self) -> Grant:
        return self._grant_of(self._number)

    def renew(self, refused: Grant) -> Grant:
        if refused.access_token == self.grant().access_token:
            self._number += 1
        return self.grant()

    @staticmethod
    def _grant_of(number: int) -> Grant:
        token = Secret(f"token-{number}")
        return Grant(access_token=token, instance_url="https://org.example.org", org_id="00D000000000001AAA")


def _abort(context: grpc.ServicerContext, refusal: Refusal) -> NoReturn:
    code = (("error-code", CODE_PREFIX + refusal.code),) if refusal.code else ()
    context.set_trailing_metadata((*code, ("rpc-id", "rpc-1")))
    context.abort(refusal.status, refusal.details)
    raise AssertionError("abort raises")
