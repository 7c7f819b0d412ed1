from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
import requests

from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.wire import pubsub_api_pb2 as wire
from sf_pipelines_tests.emulator.core.helpers import add
from sf_pipelines_tests.emulator.pubsub.support import CHANGE_EVENTS, Client, refusal_of, wait_for_streams

NAME = "Warehouse"


@pytest.fixture(autouse=True)
def managed(server: EmulatorServer) -> dict[str, Any]:
    answer = requests.post(
        f"{server.credentials.url}/emulator/changes/subscriptions",
        json={"developer_name": NAME, "topic": CHANGE_EVENTS, "default_replay": "EARLIEST"},
        timeout=10,
    )
    assert answer.ok, answer.text
    return answer.json()


class Managed:
    """One open ManagedSubscribe call."""

    def __init__(self, client: Client, first: wire.ManagedFetchRequest) -> None:
        self._requests: SimpleQueue[wire.ManagedFetchRequest | None] = SimpleQueue()
        self._requests.put(first)
        self.call: Any = client.stub.ManagedSubscribe(
            iter(self._requests.get, None), metadata=client.metadata, timeout=30
        )

    def next(self) -> wire.ManagedFetchResponse:
        return next(self.call)

    def commit(self, id_: str, replay_id: bytes) -> None:
        commit = wire.CommitReplayRequest(commit_request_id=id_, replay_id=replay_id)
        self._requests.put(wire.ManagedFetchRequest(commit_replay_id_request=commit))

    def close(self) -> None:
        self._requests.put(None)
        self.call.cancel()


@contextmanager
def managed_stream(client: Client, **first: Any) -> Generator[Managed]:
    given: dict[str, Any] = {"developer_name": NAME, "num_requested": 100, **first}
    stream = Managed(client, wire.ManagedFetchRequest(**given))
    try:
        yield stream
    finally:
        stream.close()
        wait_for_streams(client.server.surface.org.clock, 0)


def test_a_new_stream_begins_behind_what_was_committed(
    org: Org, client: Client, managed: dict[str, Any]
) -> None:
    for name in "abc":
        add(org, "Account", Name=name)
    with managed_stream(client) as stream:
        events = stream.next().events
        assert len(events) == 3
        stream.commit("first", events[1].replay_id)
        answer = stream.next()
    assert answer.commit_response.commit_request_id == "first"
    assert answer.commit_response.replay_id == events[1].replay_id
    assert answer.commit_response.process_time == 1_769_940_000_000
    assert not answer.commit_response.HasField("error")
    assert (len(answer.events), answer.pending_num_requested) == (0, 97)
    with managed_stream(client, developer_name="", subscription_id=managed["id"]) as stream:
        [event] = stream.next().events
    assert client.decode(event)["Name"] == "c"


def test_a_commit_of_an_unknown_place_is_refused_and_the_stream_goes_on(org: Org, client: Client) -> None:
    with managed_stream(client) as stream:
        stream.commit("bad", b"\xff" * 10)
        refused = stream.next().commit_response
        assert (refused.commit_request_id, refused.error.code) == ("bad", wire.COMMIT)
        add(org, "Account", Name="a")
        assert len(stream.next().events) == 1


def test_a_committed_place_that_is_gone_is_replaced_by_the_recovery_replay(org: Org, client: Client) -> None:
    add(org, "Account", Name="a")
    with managed_stream(client) as stream:
        stream.commit("c", stream.next().events[0].replay_id)
        stream.next()
    org.changes.log.forget_all()
    org.changes.subscriptions.put(NAME, CHANGE_EVENTS, error_recovery_replay="EARLIEST")
    add(org, "Account", Name="b")
    with managed_stream(client) as stream:
        assert client.decode(stream.next().events[0])["Name"] == "b"


@pytest.mark.parametrize(
    ("first", "status", "code"),
    [
        ({"developer_name": "Nobody"}, grpc.StatusCode.NOT_FOUND, "managed.subscription.not.found"),
        (
            {"num_requested": 0},
            grpc.StatusCode.INVALID_ARGUMENT,
            "subscription.fetch.requested.events.invalid",
        ),
    ],
)
def test_a_wrong_first_request_is_refused(
    client: Client, first: dict[str, Any], status: grpc.StatusCode, code: str
) -> None:
    with managed_stream(client, **first) as stream:
        assert refusal_of(stream.next) == (status, code)


def test_a_stopped_subscription_has_no_subscribers(org: Org, client: Client) -> None:
    org.changes.subscriptions.put(NAME, CHANGE_EVENTS, state="STOP")
    with managed_stream(client) as stream:
        assert refusal_of(stream.next) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "managed.subscription.not.running",
        )
