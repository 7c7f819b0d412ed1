from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.cometd.support import CHANGE_EVENTS, Comet, wait_until_held
from sf_pipelines_tests.emulator.core.helpers import add
from sf_pipelines_tests.emulator.waiting import in_thread

HANDSHAKE_AGAIN = {"interval": 0, "reconnect": "handshake"}


def _payloads(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["data"]["payload"] for message in messages if message["channel"].startswith("/data/")]


def test_a_client_shakes_hands_subscribes_and_is_told_what_is_retained(org: Org, comet: Comet) -> None:
    contact = add(org, "Contact", LastName="L", FirstName="F", Birthdate="2000-01-02")
    org.update("Contact", [{"Id": contact, "FirstName": None, "Title": "CEO"}])
    handshake = comet.handshake()
    assert handshake["ext"]["replay"] is True
    assert (handshake["version"], handshake["id"], handshake["supportedConnectionTypes"]) == (
        "1.0",
        "7",
        ["long-polling"],
    )
    assert comet.subscribe()["subscription"] == CHANGE_EVENTS
    created, updated, connected = comet.connect()
    assert connected == {
        "channel": "/meta/connect",
        "id": "7",
        "clientId": comet.client_id,
        "successful": True,
        "advice": {"interval": 0, "timeout": 110_000, "reconnect": "retry"},
    }
    assert created["channel"] == CHANGE_EVENTS
    assert created["data"]["event"]["replayId"] < updated["data"]["event"]["replayId"]
    assert created["data"]["payload"]["Name"] == {"FirstName": "F", "LastName": "L"}
    assert created["data"]["payload"]["Birthdate"] == "2000-01-02"
    assert created["data"]["payload"]["CreatedDate"] == "2026-02-01T10:00:00.000Z"
    payload = updated["data"]["payload"]
    header = payload.pop("ChangeEventHeader")
    assert payload == {
        "Name": {"FirstName": None},
        "Title": "CEO",
        "LastModifiedDate": "2026-02-01T10:00:00.000Z",
    }
    assert sorted(header["changedFields"]) == ["LastModifiedDate", "Name.FirstName", "Title"]
    assert (header["changeType"], header["recordIds"]) == ("UPDATE", [contact])
    assert not {"nulledFields", "diffFields"} & header.keys()


def test_a_connect_is_held_until_something_happens(org: Org, comet: Comet) -> None:
    comet.open(replay=-1)
    held = in_thread(comet.connect)
    wait_until_held(org.clock)
    add(org, "Account", Name="A")
    event, connected = held.result(30)
    assert event["data"]["payload"]["Name"] == "A"
    assert connected["successful"]


def test_a_connect_is_held_for_110_seconds(org: Org, comet: Comet) -> None:
    comet.open()
    held = in_thread(comet.connect)
    wait_until_held(org.clock)
    org.clock.advance(109)
    assert not held.done()
    org.clock.advance(2)
    [connected] = held.result(30)
    assert connected["successful"]


def test_a_replay_id_is_exclusive_and_a_wrong_one_is_refused_in_the_documented_words(
    org: Org, comet: Comet
) -> None:
    for name in "ab":
        add(org, "Account", Name=name)
    comet.open()
    first, _, _ = comet.connect()
    again = comet.another()
    again.open(replay=first["data"]["event"]["replayId"])
    assert [payload["Name"] for payload in _payloads(again.connect())] == ["b"]
    refused = again.subscribe(999_999_999)
    assert refused["successful"] is False
    assert refused["error"] == (
        "400::The replayId {999999999} you provided was invalid.  Please provide a valid ID, -2 to replay "
        "all events, or -1 to replay only new events."
    )


def test_who_stays_away_for_40_seconds_must_shake_hands_again(org: Org, comet: Comet) -> None:
    comet.open()
    org.clock.advance(41)
    [answer] = comet.connect()
    assert (answer["error"], answer["advice"]) == ("403::Unknown client", HANDSHAKE_AGAIN)


def test_a_client_without_its_cookie_is_unknown(comet: Comet) -> None:
    comet.handshake()
    comet.http.cookies.clear()
    assert comet.subscribe()["error"] == "403::Unknown client"


def test_a_dead_token_is_told_so_and_not_to_come_back(server: EmulatorServer, comet: Comet) -> None:
    comet.open()
    server.surface.sessions.clear()
    [answer] = comet.connect()
    assert (answer["error"], answer["advice"]) == ("401::Authentication invalid", {"reconnect": "none"})
    denied = comet.handshake()
    assert denied["error"] == "403::Handshake denied"
    assert denied["ext"]["sfdc"]["failureReason"] == "401::Authentication invalid"


def test_what_is_told_counts_against_the_same_allocation(
    org: Org, comet: Comet, server: EmulatorServer
) -> None:
    server.surface.limits.put("DailyDeliveredPlatformEvents", maximum=2)
    org.create("Account", [{"Name": name} for name in "abc"])
    comet.open()
    answers = comet.connect()
    assert [payload["Name"] for payload in _payloads(answers)] == ["a", "b"]
    assert answers[-1]["error"] == "403::Organization total events daily limit exceeded"
    server.surface.limits.put("DailyDeliveredPlatformEvents", maximum=10)
    assert [payload["Name"] for payload in _payloads(comet.connect())] == ["c"]


@pytest.mark.parametrize("channel", ["/data/NoSuchChangeEvent", "/topic/Push", "/data/changeevents"])
def test_an_unknown_channel_is_refused(comet: Comet, channel: str) -> None:
    comet.handshake()
    assert comet.subscribe(channel=channel)["successful"] is False


def test_who_leaves_or_unsubscribes_is_told_no_more(org: Org, comet: Comet, server: EmulatorServer) -> None:
    comet.open()
    comet.send("/meta/unsubscribe", subscription=CHANGE_EVENTS)
    add(org, "Account", Name="A")
    assert comet.subscribe(-1)["successful"]
    add(org, "Account", Name="B")
    assert [payload["Name"] for payload in _payloads(comet.connect())] == ["B"]
    assert server.surface.limits.used("DurableStreamingApiConcurrentClients") == 1
    comet.send("/meta/disconnect")
    assert server.surface.limits.used("DurableStreamingApiConcurrentClients") == 0


def test_only_long_polling_is_spoken_and_only_posted(comet: Comet) -> None:
    [answer] = comet.send("/meta/handshake", supportedConnectionTypes=["websocket"])
    assert answer["error"] == "403::Handshake denied"
    assert comet.http.get(comet.url, timeout=10).status_code == 405
    assert comet.http.post(comet.url, json=[{"no": "channel"}], timeout=10).status_code == 400
    assert comet.http.post(comet.url.replace("66", "30"), json=[], timeout=10).status_code == 410
