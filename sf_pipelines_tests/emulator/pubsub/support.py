"""What the tests of change events share: a subscriber over gRPC that decodes by each event's own schema."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from queue import SimpleQueue
from types import TracebackType
from typing import Any, cast

import fastavro
import grpc
import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.wire import pubsub_api_pb2 as wire
from sf_pipelines.wire import pubsub_api_pb2_grpc as stubs
from sf_pipelines_tests.emulator.waiting import wait_until

CHANGE_EVENTS = "/data/ChangeEvents"
PREFIX = "sfdc.platform.eventbus.grpc."
_CALL_SECONDS = 30.0


class Client:
    """Calls the Pub/Sub API of one server with one session."""

    def __init__(self, server: EmulatorServer, *, token: str | None = None) -> None:
        self.server = server
        surface = server.surface
        self.token = token or surface.oauth.open_session().token
        self.metadata = (
            ("accesstoken", self.token),
            ("instanceurl", server.credentials.url),
            ("tenantid", surface.org.org_id),
        )
        self._schemas: dict[str, Any] = {}

    @cached_property
    def stub(self) -> Any:
        address = self.server.credentials.pubsub_address
        assert address is not None
        return stubs.PubSubStub(grpc.insecure_channel(address))

    def topic(self, name: str) -> wire.TopicInfo:
        return self.stub.GetTopic(wire.TopicRequest(topic_name=name), metadata=self.metadata)

    def schema(self, schema_id: str) -> dict[str, Any]:
        if schema_id not in self._schemas:
            request = wire.SchemaRequest(schema_id=schema_id)
            info = self.stub.GetSchema(request, metadata=self.metadata)
            self._schemas[schema_id] = json.loads(info.schema_json)
        return self._schemas[schema_id]

    def decode(self, event: wire.ConsumerEvent) -> dict[str, Any]:
        schema = fastavro.parse_schema(self.schema(event.event.schema_id))
        return cast(
            "dict[str, Any]", fastavro.schemaless_reader(io.BytesIO(event.event.payload), schema, None)
        )

    def subscribe(
        self,
        topic: str = CHANGE_EVENTS,
        *,
        count: int = 100,
        preset: int = wire.EARLIEST,
        replay_id: bytes = b"",
    ) -> Stream:
        return Stream(self, topic, count, preset, replay_id)

    def read(self, count: int, **options: Any) -> list[dict[str, Any]]:
        """The first `count` events of a new stream, decoded."""
        with self.subscribe(**options) as stream:
            return [self.decode(event) for event in stream.events(count)]


class Stream(AbstractContextManager["Stream"]):
    """One open Subscribe call."""

    def __init__(self, client: Client, topic: str, count: int, preset: int, replay_id: bytes) -> None:
        self._topic = topic
        self._requests: SimpleQueue[wire.FetchRequest | None] = SimpleQueue()
        first = wire.FetchRequest(topic_name=topic, num_requested=count, replay_id=replay_id)
        first.replay_preset = cast("Any", preset)
        self.send(first)
        self.call: Any = client.stub.Subscribe(
            iter(self._requests.get, None), metadata=client.metadata, timeout=_CALL_SECONDS
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.put(None)
        self.call.cancel()

    def send(self, request: wire.FetchRequest) -> None:
        self._requests.put(request)

    def more(self, count: int) -> None:
        self.send(wire.FetchRequest(topic_name=self._topic, num_requested=count))

    def next(self) -> wire.FetchResponse:
        """The next answer, with events or without."""
        return next(self.call)

    def events(self, count: int) -> Sequence[wire.ConsumerEvent]:
        """The next events, over as many answers as it takes."""
        found: list[wire.ConsumerEvent] = []
        while len(found) < count:
            found += self.next().events
        return found

    def refusal(self) -> tuple[grpc.StatusCode, str]:
        """How the call ends: status, and the code without its prefix."""
        return refusal_of(lambda: list(cast("Iterator[Any]", self.call)))


def refusal_of(call: Any) -> tuple[grpc.StatusCode, str]:
    """Status and code of a call that must be refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    trailers = dict(error.trailing_metadata())
    assert trailers["rpc-id"] in error.details()
    assert trailers["error-code"].startswith(PREFIX)
    return error.code(), trailers["error-code"].removeprefix(PREFIX)


def wait_for_streams(clock: Clock, count: int = 1) -> None:
    """Block until exactly so many streams have nothing to send and wait."""
    wait_until(clock, lambda: clock.waiting == count)
