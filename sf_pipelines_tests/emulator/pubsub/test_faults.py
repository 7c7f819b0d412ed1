from __future__ import annotations

from typing import Any

import grpc
import pytest
import requests

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.wire import pubsub_api_pb2 as wire
from sf_pipelines_tests.emulator.core.helpers import add
from sf_pipelines_tests.emulator.pubsub.support import Client, refusal_of, wait_for_streams

HEADER = "ChangeEventHeader"


class Control:
    """The control plane of the server."""

    def __init__(self, server: EmulatorServer) -> None:
        self._url = f"{server.credentials.url}/emulator"

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = requests.post(f"{self._url}/{path}", json=body or {}, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def delete(self, path: str) -> None:
        assert requests.delete(f"{self._url}/{path}", timeout=10).ok

    def fault(self, kind: str, **options: Any) -> str:
        return self.post("faults", {"kind": kind, **options})["name"]


@pytest.fixture
def control(server: EmulatorServer) -> Control:
    return Control(server)


def test_gaps_of_every_kind_name_records_without_values(org: Org, client: Client, control: Control) -> None:
    account = add(org, "Account", Name="A")
    for change in ("GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"):
        control.post("changes/gaps", {"object": "Account", "change": change, "ids": [account]})
    control.post("changes/gaps", {"object": "Account"})
    control.post("changes/wildcard", {"object": "Account"})
    events = client.read(7)[1:]
    assert [(event[HEADER]["changeType"], event[HEADER]["recordIds"]) for event in events] == [
        ("GAP_CREATE", [account]),
        ("GAP_UPDATE", [account]),
        ("GAP_DELETE", [account]),
        ("GAP_UNDELETE", [account]),
        ("GAP_OVERFLOW", ["000000000000000AAA"]),
        ("UPDATE", ["001*"]),
    ]
    assert all(value is None for event in events for name, value in event.items() if name != HEADER)


def test_a_lost_event_was_never_stored(org: Org, client: Client, control: Control) -> None:
    control.fault("event_lost", object="Account", change="CREATE", nth=2)
    for name in "abc":
        add(org, "Account", Name=name)
    for _ in range(2):
        assert [event["Name"] for event in client.read(2)] == ["a", "c"]


def test_an_event_can_be_told_as_a_gap(org: Org, client: Client, control: Control) -> None:
    control.fault("event_gap", object="Account")
    account = add(org, "Account", Name="A")
    [event] = client.read(1)
    assert (event[HEADER]["changeType"], event[HEADER]["recordIds"]) == ("GAP_CREATE", [account])


def test_a_poisoned_payload_cant_be_read_and_the_next_one_can(
    org: Org, client: Client, control: Control
) -> None:
    control.fault("event_poison", first=1)
    add(org, "Account", Name="a")
    add(org, "Account", Name="b")
    with client.subscribe() as stream:
        poisoned, sound = stream.events(2)
    with pytest.raises((EOFError, ValueError, IndexError, MemoryError, OverflowError)):
        client.decode(poisoned)
    assert client.decode(sound)["Name"] == "b"


def test_an_unknown_schema_id_stays_unknown(org: Org, client: Client, control: Control) -> None:
    control.fault("event_unknown_schema")
    add(org, "Account", Name="a")
    with client.subscribe() as stream:
        [event] = stream.events(1)
    assert refusal_of(lambda: client.schema(event.event.schema_id))[1] == "schema.validation.failed"


def test_a_dropped_stream_can_be_opened_again_where_it_broke(
    org: Org, client: Client, control: Control
) -> None:
    control.fault("stream_dropped", after_events=2, first=1)
    org.create("Account", [{"Name": name} for name in "abc"])
    with client.subscribe() as stream:
        last = stream.events(2)[-1]
        assert stream.refusal() == (grpc.StatusCode.UNAVAILABLE, "service.unavailable")
    [event] = client.read(1, preset=wire.CUSTOM, replay_id=last.replay_id)
    assert event["Name"] == "c"


def test_an_open_stream_can_be_dropped(org: Org, client: Client, control: Control) -> None:
    add(org, "Account", Name="a")
    with client.subscribe() as stream:
        stream.events(1)
        wait_for_streams(org.clock)
        control.fault("stream_dropped")
        assert stream.refusal() == (grpc.StatusCode.UNAVAILABLE, "service.unavailable")


def test_an_open_stream_can_lose_its_session(org: Org, client: Client, control: Control) -> None:
    with client.subscribe() as stream:
        control.fault("stream_unauthenticated")
        assert stream.refusal() == (grpc.StatusCode.UNAUTHENTICATED, "service.auth.error")
    control.delete("faults")
    control.delete("sessions")
    with client.subscribe() as stream:
        assert stream.refusal() == (grpc.StatusCode.UNAUTHENTICATED, "service.auth.error")


@pytest.mark.parametrize("advances", [False, True])
def test_a_silent_stream_keeps_alive_and_tells_nothing(
    org: Org, client: Client, control: Control, clock: Clock, advances: bool
) -> None:
    name = control.fault("stream_silent", advances=advances)
    before = org.changes.log.end
    with client.subscribe(preset=wire.LATEST) as stream:
        wait_for_streams(clock)
        add(org, "Account", Name="unheard")
        clock.advance(271)
        alive = stream.next()
        assert not alive.events
        assert (alive.latest_replay_id == org.changes.log.replay_id(before)) is not advances
        control.delete(f"faults/{name}")
        if advances:
            add(org, "Account", Name="later")
        [event] = stream.events(1)
        assert client.decode(event)["Name"] == ("later" if advances else "unheard")


def test_a_replay_id_can_be_refused_as_if_it_had_expired(org: Org, client: Client, control: Control) -> None:
    add(org, "Account", Name="a")
    with client.subscribe() as stream:
        [event] = stream.events(1)
    corrupted = (grpc.StatusCode.INVALID_ARGUMENT, "subscription.fetch.replayid.corrupted")
    name = control.fault("replay_expired")
    with client.subscribe(preset=wire.CUSTOM, replay_id=event.replay_id) as stream:
        assert stream.refusal() == corrupted
    control.delete(f"faults/{name}")
    control.post("changes/expire")
    with client.subscribe(preset=wire.CUSTOM, replay_id=event.replay_id) as stream:
        assert stream.refusal() == corrupted
    add(org, "Account", Name="b")
    assert [event["Name"] for event in client.read(1)] == ["b"]


def test_a_reset_stream_refuses_the_ids_of_the_one_before(org: Org, client: Client, control: Control) -> None:
    add(org, "Account", Name="a")
    with client.subscribe() as stream:
        [event] = stream.events(1)
    control.post("changes/reset")
    add(org, "Account", Name="b")
    with client.subscribe() as stream:
        [again] = stream.events(1)
    assert again.replay_id[:8] == event.replay_id[:8]
    with client.subscribe(preset=wire.CUSTOM, replay_id=event.replay_id) as stream:
        assert stream.refusal()[1] == "subscription.fetch.replayid.corrupted"


def test_the_figures_of_the_bus_are_set_by_name(org: Org, client: Client, control: Control) -> None:
    control.post("changes/settings", {"overflow_changes": 1})
    org.create("Account", [{"Name": name} for name in "abc"])
    assert [event[HEADER]["changeType"] for event in client.read(2)] == ["CREATE", "GAP_OVERFLOW"]
    assert client.server.surface.org.changes.settings.overflow_changes == 1


def test_a_field_that_is_added_in_mid_stream_gives_new_events_a_new_schema(
    org: Org, client: Client, control: Control
) -> None:
    account = add(org, "Account", Name="a", Industry="Energy")
    control.post("fields", {"object": "Account", "name": "Tier__c", "type": "text"})
    org.update("Account", [{"Id": account, "Tier__c": "gold"}])
    with client.subscribe() as stream:
        old, new = stream.events(2)
    assert old.event.schema_id != new.event.schema_id
    assert "Tier__c" not in client.decode(old)
    assert client.decode(new)["Tier__c"] == "gold"
    assert client.topic("/data/AccountChangeEvent").schema_id == new.event.schema_id
    org.reset()
    assert org.schema.object("Account").field("Tier__c") is None
    add(org, "Account", Name="b")
    with client.subscribe() as stream:
        assert stream.events(1)[0].event.schema_id == old.event.schema_id
