"""The two streaming calls: Subscribe, and ManagedSubscribe with the commits that ride in its requests.

Belongs here: checking their requests, and their answers as messages. Not here: delivery (delivery.py), the
other calls (service.py). Imports delivery, errors, auth, changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Thread
from typing import TypeVar

import grpc

from sf_pipelines.emulator.changes.bus import ChangeBus
from sf_pipelines.emulator.changes.encoding import schema_id_of
from sf_pipelines.emulator.changes.subscriptions import ManagedSubscription
from sf_pipelines.emulator.faults.streams import StreamFaults
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.limits import DELIVERED_EVENTS
from sf_pipelines.emulator.pubsub import errors
from sf_pipelines.emulator.pubsub.auth import refresh
from sf_pipelines.emulator.pubsub.delivery import Deliverer, Delivery, Demand
from sf_pipelines.emulator.temporal import to_epoch_ms
from sf_pipelines.wire import pubsub_api_pb2 as wire

_Request = TypeVar("_Request", wire.FetchRequest, wire.ManagedFetchRequest)


@dataclass(frozen=True, kw_only=True, slots=True)
class Streams:
    """Opens the streams of one org."""

    surface: Surface

    @property
    def bus(self) -> ChangeBus:
        """The org's change events."""
        return self.surface.org.changes

    def subscribe(
        self, requests: Iterator[wire.FetchRequest], context: grpc.ServicerContext, rpc_id: str
    ) -> Iterator[wire.FetchResponse]:
        """Events of a topic from a place that the client names.

        Raises:
            PubSubError: a request is wrong, or the stream is to end.
        """
        first = _first(requests)
        topic = first.topic_name
        self.members(topic)
        faults = StreamFaults(book=self.surface.faults, topic=topic)
        faults.look()
        _check_count(first.num_requested)
        place = self._place(first, faults)

        def read(request: wire.FetchRequest, demand: Demand) -> None:
            if request.topic_name not in ("", topic):
                raise errors.topic_changed(request.topic_name)
            if request.replay_id or request.replay_preset != wire.LATEST:
                raise errors.replay_repeated()
            self._refresh(request.auth_refresh)
            _check_count(request.num_requested)
            demand.add(request.num_requested)

        demand = Demand(self.surface.org.clock, first.num_requested)
        for one in self._deliveries(topic, place, demand, faults, requests, read, context):
            yield wire.FetchResponse(
                events=self._events(one),
                latest_replay_id=self.bus.log.replay_id(one.place),
                rpc_id=rpc_id,
                pending_num_requested=one.pending,
            )

    def managed_subscribe(
        self, requests: Iterator[wire.ManagedFetchRequest], context: grpc.ServicerContext, rpc_id: str
    ) -> Iterator[wire.ManagedFetchResponse]:
        """Events of a managed subscription from the place that it committed.

        Raises:
            PubSubError: a request is wrong, or the stream is to end.
        """
        first = _first(requests)
        name = first.subscription_id or first.developer_name
        subscription = self.bus.subscriptions.find(name)
        if subscription is None:
            raise errors.subscription_unknown(name)
        if subscription.state != "RUN":
            raise errors.subscription_stopped(name)
        _check_count(first.num_requested)
        yield from self._managed_deliveries(subscription, first, requests, context, rpc_id)

    def members(self, topic: str) -> frozenset[str]:
        """The objects of a topic.

        Raises:
            PubSubError: there is no such topic.
        """
        if not topic:
            raise errors.topic_missing()
        members = self.bus.channels.members(topic)
        if members is None:
            raise errors.topic_unknown(topic)
        return members

    def _managed_deliveries(
        self,
        subscription: ManagedSubscription,
        first: wire.ManagedFetchRequest,
        requests: Iterator[wire.ManagedFetchRequest],
        context: grpc.ServicerContext,
        rpc_id: str,
    ) -> Iterator[wire.ManagedFetchResponse]:
        def read(request: wire.ManagedFetchRequest, demand: Demand) -> None:
            name = request.subscription_id or request.developer_name
            if name not in ("", subscription.id, subscription.developer_name):
                raise errors.subscription_changed()
            self._refresh(request.auth_refresh)
            commits = request.HasField("commit_replay_id_request")
            if commits:
                demand.reply(self._commit(subscription, request.commit_replay_id_request))
            if request.num_requested or not commits:
                _check_count(request.num_requested)
                demand.add(request.num_requested)

        faults = StreamFaults(book=self.surface.faults, topic=subscription.topic)
        place = self.bus.subscriptions.place_of(subscription)
        demand = Demand(self.surface.org.clock, first.num_requested)
        for one in self._deliveries(subscription.topic, place, demand, faults, requests, read, context):
            yield wire.ManagedFetchResponse(
                events=self._events(one),
                latest_replay_id=self.bus.log.replay_id(one.place),
                rpc_id=rpc_id,
                pending_num_requested=one.pending,
                commit_response=one.reply,
            )

    def _deliveries(
        self,
        topic: str,
        place: int,
        demand: Demand,
        faults: StreamFaults,
        requests: Iterator[_Request],
        read: Callable[[_Request, Demand], None],
        context: grpc.ServicerContext,
    ) -> Iterator[Delivery]:
        """The answers of one stream, while a thread of its own reads its requests."""
        if self.surface.limits.left(DELIVERED_EVENTS) <= 0:
            raise errors.delivery_exceeded()
        if not context.add_callback(demand.close):
            return
        Thread(target=_read_all, args=(requests, read, demand), name="pubsub-requests", daemon=True).start()
        deliverer = Deliverer(
            bus=self.bus,
            clock=self.surface.org.clock,
            limits=self.surface.limits,
            demand=demand,
            members=lambda: self.bus.channels.members(topic) or frozenset(),
            place=place,
            faults=faults,
        )
        yield from deliverer.deliveries()

    def _place(self, request: wire.FetchRequest, faults: StreamFaults) -> int:
        log = self.bus.log
        if request.replay_preset != wire.CUSTOM:
            if request.replay_id:
                raise errors.replay_inconsistent("A replay ID goes with the replay preset CUSTOM only.")
            return log.beginning if request.replay_preset == wire.EARLIEST else log.end
        if not request.replay_id:
            raise errors.replay_inconsistent("The replay preset CUSTOM needs a replay ID.")
        if faults.due("replay_expired"):
            raise errors.replay_corrupted()
        try:
            return log.place_of(request.replay_id)
        except ValueError:
            raise errors.replay_corrupted() from None

    def _commit(
        self, subscription: ManagedSubscription, request: wire.CommitReplayRequest
    ) -> wire.CommitReplayResponse:
        refusal = None
        try:
            self.bus.subscriptions.commit(subscription, request.replay_id)
        except ValueError as error:
            refusal = wire.Error(code=wire.COMMIT, msg=f"The Replay ID can't be committed: {error}.")
        return wire.CommitReplayResponse(
            commit_request_id=request.commit_request_id,
            replay_id=request.replay_id,
            error=refusal,
            process_time=to_epoch_ms(self.surface.org.clock.now()),
        )

    def _refresh(self, token: str) -> None:
        if token:
            refresh(self.surface.sessions, token)

    def _events(self, delivery: Delivery) -> list[wire.ConsumerEvent]:
        log = self.bus.log
        return [
            wire.ConsumerEvent(
                event=wire.ProducerEvent(id=event.id, schema_id=schema_id_of(event), payload=payload),
                replay_id=log.replay_id(event.number),
            )
            for event, payload in delivery.events
        ]


def _first(requests: Iterator[_Request]) -> _Request:
    first = next(requests, None)
    if first is None:
        raise errors.request_missing()
    return first


def _check_count(count: int) -> None:
    if count <= 0:
        raise errors.count_invalid(count)


def _read_all(requests: Iterator[_Request], read: Callable[[_Request, Demand], None], demand: Demand) -> None:
    try:
        for request in requests:
            read(request, demand)
    except errors.PubSubError as error:
        demand.fail(error)
    except grpc.RpcError:
        demand.close()
    else:
        demand.finish()
