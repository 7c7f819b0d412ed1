"""The Pub/Sub API's calls.

Belongs here: every call of the service, its session, its refusal. Not here: what streams do (streams.py),
sockets (server.py). Imports the generated stubs, auth, errors, streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Semaphore
from typing import NoReturn, TypeVar

import grpc

from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.pubsub import errors
from sf_pipelines.emulator.pubsub.auth import authenticate
from sf_pipelines.emulator.pubsub.errors import PubSubError, new_rpc_id, refuse
from sf_pipelines.emulator.pubsub.streams import Streams
from sf_pipelines.wire import pubsub_api_pb2 as wire
from sf_pipelines.wire import pubsub_api_pb2_grpc as stubs

MAX_STREAMS = 100
"""[I] open streams of the org; each of them has a thread here."""
_Answer = TypeVar("_Answer")


class PubSubService(stubs.PubSubServicer):
    """Answers the calls of one org."""

    def __init__(self, surface: Surface) -> None:
        """Serve the change events of that org."""
        self._surface = surface
        self._bus = surface.org.changes
        self._streams = Streams(surface=surface)
        self._free = Semaphore(MAX_STREAMS)

    def GetTopic(self, request: wire.TopicRequest, context: grpc.ServicerContext) -> wire.TopicInfo:
        """What a topic is."""
        return self._answer(context, lambda rpc_id: self._topic(request.topic_name, rpc_id))

    def GetSchema(self, request: wire.SchemaRequest, context: grpc.ServicerContext) -> wire.SchemaInfo:
        """The Avro schema of an id, however old."""
        return self._answer(context, lambda rpc_id: self._schema(request.schema_id, rpc_id))

    def Subscribe(
        self, request_iterator: Iterator[wire.FetchRequest], context: grpc.ServicerContext
    ) -> Iterator[wire.FetchResponse]:
        """Events of a topic, as many as asked for."""
        return self._stream(
            context, lambda rpc_id: self._streams.subscribe(request_iterator, context, rpc_id)
        )

    def ManagedSubscribe(
        self, request_iterator: Iterator[wire.ManagedFetchRequest], context: grpc.ServicerContext
    ) -> Iterator[wire.ManagedFetchResponse]:
        """Events of a managed subscription, as many as asked for."""
        return self._stream(
            context, lambda rpc_id: self._streams.managed_subscribe(request_iterator, context, rpc_id)
        )

    def Publish(self, request: wire.PublishRequest, context: grpc.ServicerContext) -> wire.PublishResponse:
        """Refused: nobody publishes change events."""
        return self._answer(context, lambda _rpc_id: self._refuse_publish(request.topic_name))

    def PublishStream(
        self, request_iterator: Iterator[wire.PublishRequest], context: grpc.ServicerContext
    ) -> Iterator[wire.PublishResponse]:
        """Refused with its first request."""
        yield self.Publish(next(request_iterator, wire.PublishRequest()), context)

    def _answer(self, context: grpc.ServicerContext, work: Callable[[str], _Answer]) -> _Answer:
        rpc_id = new_rpc_id()
        try:
            authenticate(context, self._surface.sessions, self._surface.org.org_id)
            return work(rpc_id)
        except PubSubError as error:
            refuse(context, error, rpc_id)

    def _stream(
        self, context: grpc.ServicerContext, work: Callable[[str], Iterator[_Answer]]
    ) -> Iterator[_Answer]:
        rpc_id = new_rpc_id()
        if not self._free.acquire(blocking=False):
            refuse(context, errors.too_many_streams(), rpc_id)
        try:
            authenticate(context, self._surface.sessions, self._surface.org.org_id)
            yield from work(rpc_id)
        except PubSubError as error:
            refuse(context, error, rpc_id)
        finally:
            self._free.release()

    def _topic(self, name: str, rpc_id: str) -> wire.TopicInfo:
        self._streams.members(name)
        item = self._bus.channels.single_object(name)
        return wire.TopicInfo(
            topic_name=name,
            tenant_guid=f"core/emulator/{self._surface.org.org_id}",
            can_publish=False,
            can_subscribe=True,
            # [I] a channel of several objects has no schema of its own
            schema_id=self._bus.shape_of(item.name).schema_id if item is not None else "",
            rpc_id=rpc_id,
        )

    def _schema(self, schema_id: str, rpc_id: str) -> wire.SchemaInfo:
        if not schema_id:
            raise errors.schema_id_missing()
        shape = self._bus.schema(schema_id)
        if shape is None:
            raise errors.schema_unknown(schema_id)
        return wire.SchemaInfo(schema_json=shape.schema_json, schema_id=shape.schema_id, rpc_id=rpc_id)

    def _refuse_publish(self, topic: str) -> NoReturn:
        self._streams.members(topic)
        raise errors.publish_refused()
