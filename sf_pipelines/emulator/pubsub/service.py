"""The Pub/Sub API's calls.

Belongs here: checking requests, and gRPC's messages. Not here: delivery (delivery.py), sockets (server.py).
Imports the generated stubs, auth, delivery, errors, changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Semaphore, Thread
from typing import NoReturn

import grpc

from sf_pipelines.emulator.changes.log import BEGINNING
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.limits import DELIVERED_EVENTS
from sf_pipelines.emulator.pubsub import errors
from sf_pipelines.emulator.pubsub.auth import authenticate, refresh
from sf_pipelines.emulator.pubsub.delivery import Deliverer, Delivery, Demand
from sf_pipelines.emulator.pubsub.errors import PubSubError, new_rpc_id, refuse
from sf_pipelines.wire import pubsub_api_pb2 as wire
from sf_pipelines.wire import pubsub_api_pb2_grpc as stubs

MAX_STREAMS = 100
"""[I] open streams of the org; each of them has a thread here."""


class PubSubService(stubs.PubSubServicer):
    """Answers the calls of one org."""

    def __init__(self, surface: Surface) -> None:
        """Serve the change events of that org."""
        self._surface = surface
        self._bus = surface.org.changes
        self._clock = surface.org.clock
        self._streams = Semaphore(MAX_STREAMS)

    def GetTopic(self, request: wire.TopicRequest, context: grpc.ServicerContext) -> wire.TopicInfo:
        """What a topic is."""
        rpc_id = new_rpc_id()
        try:
            self._authenticate(context)
            self._members(request.topic_name)
        except PubSubError as error:
            refuse(context, error, rpc_id)
        org_id = self._surface.org.org_id
        item = self._bus.channels.single_object(request.topic_name)
        return wire.TopicInfo(
            topic_name=request.topic_name,
            tenant_guid=f"core/emulator/{org_id}",
            can_publish=False,
            can_subscribe=True,
            # [I] a channel of several objects has no schema of its own
            schema_id=self._bus.shape_of(item.name).schema_id if item is not None else "",
            rpc_id=rpc_id,
        )

    def GetSchema(self, request: wire.SchemaRequest, context: grpc.ServicerContext) -> wire.SchemaInfo:
        """The Avro schema of an id, however old."""
        rpc_id = new_rpc_id()
        try:
            self._authenticate(context)
            if not request.schema_id:
                raise errors.schema_id_missing()
            shape = self._bus.schema(request.schema_id)
            if shape is None:
                raise errors.schema_unknown(request.schema_id)
        except PubSubError as error:
            refuse(context, error, rpc_id)
        return wire.SchemaInfo(schema_json=shape.schema_json, schema_id=shape.schema_id, rpc_id=rpc_id)

    def Subscribe(
        self, request_iterator: Iterator[wire.FetchRequest], context: grpc.ServicerContext
    ) -> Iterator[wire.FetchResponse]:
        """Events of a topic, as many as asked for."""
        rpc_id = new_rpc_id()
        if not self._streams.acquire(blocking=False):
            refuse(context, errors.too_many_streams(), rpc_id)
        try:
            yield from self._subscribe(request_iterator, context, rpc_id)
        except PubSubError as error:
            refuse(context, error, rpc_id)
        finally:
            self._streams.release()

    def Publish(self, request: wire.PublishRequest, context: grpc.ServicerContext) -> NoReturn:
        """Refused: nobody publishes change events."""
        rpc_id = new_rpc_id()
        try:
            self._authenticate(context)
            self._members(request.topic_name)
        except PubSubError as error:
            refuse(context, error, rpc_id)
        refuse(context, errors.publish_refused(), rpc_id)

    def PublishStream(
        self, request_iterator: Iterator[wire.PublishRequest], context: grpc.ServicerContext
    ) -> NoReturn:
        """Refused with its first request."""
        first = next(request_iterator, None)
        self.Publish(first or wire.PublishRequest(), context)

    def _subscribe(
        self, requests: Iterator[wire.FetchRequest], context: grpc.ServicerContext, rpc_id: str
    ) -> Iterator[wire.FetchResponse]:
        self._authenticate(context)
        first = next(requests, None)
        if first is None:
            raise errors.request_missing()
        members = self._members(first.topic_name)
        if first.num_requested <= 0:
            raise errors.count_invalid(first.num_requested)
        demand = Demand(self._clock, first.num_requested)
        deliverer = Deliverer(
            bus=self._bus,
            clock=self._clock,
            limits=self._surface.limits,
            demand=demand,
            members=lambda: self._bus.channels.members(first.topic_name) or frozenset(),
            place=self._place(first),
        )
        if members and self._surface.limits.left(DELIVERED_EVENTS) <= 0:
            raise errors.delivery_exceeded()
        if not context.add_callback(demand.close):
            return
        Thread(
            target=self._read_requests, args=(first.topic_name, requests, demand), name="pubsub-requests",
            daemon=True,
        ).start()  # fmt: skip
        for delivery in deliverer.deliveries():
            yield self._response(delivery, rpc_id)

    def _read_requests(self, topic: str, requests: Iterator[wire.FetchRequest], demand: Demand) -> None:
        try:
            for request in requests:
                self._read_request(topic, request, demand)
        except PubSubError as error:
            demand.fail(error)
        except grpc.RpcError:
            demand.close()
        else:
            demand.finish()

    def _read_request(self, topic: str, request: wire.FetchRequest, demand: Demand) -> None:
        if request.topic_name not in ("", topic):
            raise errors.topic_changed(request.topic_name)
        if request.replay_id or request.replay_preset != wire.LATEST:
            raise errors.replay_repeated()
        if request.auth_refresh:
            refresh(self._surface.sessions, request.auth_refresh)
        if request.num_requested <= 0:
            raise errors.count_invalid(request.num_requested)
        demand.add(request.num_requested)

    def _place(self, request: wire.FetchRequest) -> int:
        if request.replay_preset != wire.CUSTOM:
            if request.replay_id:
                raise errors.replay_inconsistent("A replay ID goes with the replay preset CUSTOM only.")
            return BEGINNING if request.replay_preset == wire.EARLIEST else self._bus.log.end
        if not request.replay_id:
            raise errors.replay_inconsistent("The replay preset CUSTOM needs a replay ID.")
        try:
            return self._bus.log.place_of(request.replay_id)
        except ValueError:
            raise errors.replay_corrupted() from None

    def _members(self, topic: str) -> frozenset[str]:
        if not topic:
            raise errors.topic_missing()
        members = self._bus.channels.members(topic)
        if members is None:
            raise errors.topic_unknown(topic)
        return members

    def _authenticate(self, context: grpc.ServicerContext) -> None:
        authenticate(context, self._surface.sessions, self._surface.org.org_id)

    def _response(self, delivery: Delivery, rpc_id: str) -> wire.FetchResponse:
        log = self._bus.log
        return wire.FetchResponse(
            events=[
                wire.ConsumerEvent(
                    event=wire.ProducerEvent(id=event.id, schema_id=event.shape.schema_id, payload=payload),
                    replay_id=log.replay_id(event.number),
                )
                for event, payload in delivery.events
            ],
            latest_replay_id=log.replay_id(delivery.place),
            rpc_id=rpc_id,
            pending_num_requested=delivery.pending,
        )
