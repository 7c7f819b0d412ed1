from __future__ import annotations

from typing import Any

import grpc
import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.wire import pubsub_api_pb2 as wire
from sf_pipelines_tests.emulator.core.helpers import add
from sf_pipelines_tests.emulator.pubsub.support import CHANGE_EVENTS, Client, refusal_of, wait_for_streams

INVALID = grpc.StatusCode.INVALID_ARGUMENT


def _names(events: list[dict[str, Any]]) -> list[str]:
    return [event["Name"] for event in events]


def test_events_come_in_the_order_of_their_commits_and_no_more_than_asked_for(
    org: Org, client: Client
) -> None:
    for number in range(5):
        add(org, "Account", Name=f"A{number}")
    with client.subscribe(count=2) as stream:
        first = stream.next()
        assert _names([client.decode(event) for event in first.events]) == ["A0", "A1"]
        assert first.pending_num_requested == 0
        assert first.latest_replay_id == first.events[-1].replay_id
        stream.more(10)
        second = stream.next()
        assert len(second.events) == 3
        assert second.pending_num_requested == 7
        add(org, "Account", Name="late")
        assert _names([client.decode(event) for event in stream.next().events]) == ["late"]


def test_at_most_a_hundred_events_are_outstanding(org: Org, client: Client) -> None:
    org.create("Account", [{"Name": f"A{number}"} for number in range(150)])
    with client.subscribe(count=500) as stream:
        answer = stream.next()
        assert len(answer.events) == 100
        assert answer.pending_num_requested == 0


def test_latest_begins_behind_what_is_there(org: Org, client: Client) -> None:
    add(org, "Account", Name="before")
    with client.subscribe(preset=wire.LATEST) as stream:
        wait_for_streams(org.clock)
        add(org, "Account", Name="after")
        assert _names([client.decode(event) for event in stream.next().events]) == ["after"]


def test_a_custom_replay_id_is_exclusive(org: Org, client: Client) -> None:
    for name in ("a", "b", "c"):
        add(org, "Account", Name=name)
    with client.subscribe() as stream:
        first = stream.events(3)[0]
    again = client.read(2, preset=wire.CUSTOM, replay_id=first.replay_id)
    assert _names(again) == ["b", "c"]


def test_a_replay_id_inside_a_transaction_goes_on_inside_it(org: Org, client: Client) -> None:
    org.create("Account", [{"Name": name} for name in "abc"])
    with client.subscribe() as stream:
        second = stream.events(3)[1]
    [last] = client.read(1, preset=wire.CUSTOM, replay_id=second.replay_id)
    assert (last["Name"], last["ChangeEventHeader"]["sequenceNumber"]) == ("c", 3)


def test_a_keepalive_moves_the_place_of_a_quiet_topic(org: Org, client: Client, clock: Clock) -> None:
    with client.subscribe("/data/CaseChangeEvent") as stream:
        add(org, "Account", Name="elsewhere")
        wait_for_streams(clock)
        clock.advance(270)
        alive = stream.next()
        assert not alive.events
        assert alive.pending_num_requested == 100
        clock.advance(3600)
    assert not client.server.surface.org.query("SELECT Id FROM Case").total_size
    clock.advance(71 * 3600 - 271)
    case = add(org, "Case", Subject="now")
    [event] = client.read(
        1, topic="/data/CaseChangeEvent", preset=wire.CUSTOM, replay_id=alive.latest_replay_id
    )
    assert event["ChangeEventHeader"]["recordIds"] == [case]


def test_who_asks_for_nothing_more_is_let_go_after_a_minute(org: Org, client: Client, clock: Clock) -> None:
    add(org, "Account", Name="one")
    with client.subscribe(count=1) as stream:
        stream.next()
        wait_for_streams(clock)
        clock.advance(61)
        assert list(stream.call) == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        pytest.param(wire.FetchRequest(num_requested=1), "topic.validation.empty", id="no topic"),
        pytest.param(
            wire.FetchRequest(topic_name=CHANGE_EVENTS),
            "subscription.fetch.requested.events.invalid",
            id="no events wanted",
        ),
        pytest.param(
            wire.FetchRequest(topic_name=CHANGE_EVENTS, num_requested=1, replay_preset=wire.CUSTOM),
            "subscription.fetch.replayid.validation.failed",
            id="custom without an id",
        ),
        pytest.param(
            wire.FetchRequest(topic_name=CHANGE_EVENTS, num_requested=1, replay_id=b"x" * 10),
            "subscription.fetch.replayid.validation.failed",
            id="an id with another preset",
        ),
        pytest.param(
            wire.FetchRequest(
                topic_name=CHANGE_EVENTS, num_requested=1, replay_preset=wire.CUSTOM, replay_id=b"\xff" * 10
            ),
            "subscription.fetch.replayid.corrupted",
            id="an id of nowhere",
        ),
        pytest.param(
            wire.FetchRequest(
                topic_name=CHANGE_EVENTS, num_requested=1, replay_preset=wire.CUSTOM, replay_id=b"short"
            ),
            "subscription.fetch.replayid.corrupted",
            id="an id of another form",
        ),
    ],
)
def test_a_wrong_first_request_is_refused(client: Client, request_: wire.FetchRequest, code: str) -> None:
    call = client.stub.Subscribe(iter([request_]), metadata=client.metadata)
    assert refusal_of(lambda: list(call)) == (INVALID, code)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        pytest.param(
            wire.FetchRequest(topic_name="/data/AccountChangeEvent", num_requested=1),
            "subscription.fetch.topic.mismatch",
            id="another topic",
        ),
        pytest.param(
            wire.FetchRequest(topic_name=CHANGE_EVENTS, num_requested=1, replay_preset=wire.EARLIEST),
            "subscription.fetch.replay.repeated",
            id="a replay preset again",
        ),
        pytest.param(
            wire.FetchRequest(topic_name=CHANGE_EVENTS, num_requested=-1),
            "subscription.fetch.requested.events.invalid",
            id="fewer than no events",
        ),
    ],
)
def test_a_wrong_later_request_ends_the_stream(
    client: Client, request_: wire.FetchRequest, code: str
) -> None:
    with client.subscribe() as stream:
        stream.send(request_)
        assert stream.refusal() == (INVALID, code)


def test_an_id_older_than_72_hours_is_refused_as_a_corrupted_one(
    org: Org, client: Client, clock: Clock
) -> None:
    add(org, "Account", Name="old")
    with client.subscribe() as stream:
        [old] = stream.events(1)
    clock.advance(72 * 3600 - 1)
    add(org, "Account", Name="new")
    [event] = client.read(1, preset=wire.CUSTOM, replay_id=old.replay_id)
    assert event["Name"] == "new"
    clock.advance(2)
    with client.subscribe(preset=wire.CUSTOM, replay_id=old.replay_id) as stream:
        assert stream.refusal() == (INVALID, "subscription.fetch.replayid.corrupted")
    assert _names(client.read(1)) == ["new"]


def test_what_is_delivered_counts_against_the_orgs_allocation(
    org: Org, client: Client, server: EmulatorServer
) -> None:
    server.surface.limits.put("DailyDeliveredPlatformEvents", maximum=3)
    org.create("Account", [{"Name": f"A{number}"} for number in range(5)])
    with client.subscribe() as stream:
        assert len(stream.next().events) == 3
        assert stream.refusal() == (grpc.StatusCode.RESOURCE_EXHAUSTED, "subscription.limit.exceeded")
    with client.subscribe() as stream:
        assert stream.refusal() == (grpc.StatusCode.RESOURCE_EXHAUSTED, "subscription.limit.exceeded")
    assert server.surface.limits.told()["DailyDeliveredPlatformEvents"] == {"Max": 3, "Remaining": 0}


def test_an_open_stream_outlives_its_token_and_a_new_one_needs_a_fresh_one(
    org: Org, client: Client, server: EmulatorServer
) -> None:
    with client.subscribe() as stream:
        add(org, "Account", Name="one")
        stream.events(1)
        server.surface.sessions.revoke(client.token)
        add(org, "Account", Name="two")
        assert len(stream.events(1)) == 1
    with client.subscribe() as stream:
        assert stream.refusal() == (grpc.StatusCode.UNAUTHENTICATED, "service.auth.error")


def test_a_refresh_by_a_dead_token_ends_the_stream(client: Client) -> None:
    with client.subscribe() as stream:
        stream.send(wire.FetchRequest(topic_name=CHANGE_EVENTS, num_requested=1, auth_refresh="00D!dead"))
        assert stream.refusal() == (grpc.StatusCode.UNAUTHENTICATED, "service.auth.refresh.invalid")


@pytest.mark.parametrize("missing", ["accesstoken", "instanceurl", "tenantid"])
def test_each_header_is_needed(client: Client, missing: str) -> None:
    metadata = [pair for pair in client.metadata if pair[0] != missing]
    refusal = refusal_of(
        lambda: client.stub.GetTopic(wire.TopicRequest(topic_name=CHANGE_EVENTS), metadata=metadata)
    )
    assert refusal == (grpc.StatusCode.UNAUTHENTICATED, "service.auth.headers.invalid")


def test_a_topic_is_named_exactly(client: Client) -> None:
    known = client.topic("/data/AccountChangeEvent")
    assert (known.can_subscribe, known.can_publish) == (True, False)
    assert client.schema(known.schema_id)["name"] == "AccountChangeEvent"
    for name in ("/data/accountchangeevent", "/data/NoSuchChangeEvent", "/event/Order__e", "/data/Team__chn"):
        assert refusal_of(lambda name=name: client.topic(name)) == (
            grpc.StatusCode.NOT_FOUND,
            "topic.not.found",
        )


def test_nobody_publishes_change_events(client: Client) -> None:
    request = wire.PublishRequest(topic_name=CHANGE_EVENTS)
    status, code = refusal_of(lambda: client.stub.Publish(request, metadata=client.metadata))
    assert status == grpc.StatusCode.PERMISSION_DENIED
    assert code.startswith("publish.")
