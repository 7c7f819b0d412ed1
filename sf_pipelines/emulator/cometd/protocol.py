"""The Bayeux protocol as Salesforce speaks it: handshake, subscribe, connect, disconnect.

Belongs here: what each meta message does and answers, and refusals. Not here: HTTP and waiting (endpoint.py),
the message of an event (payload.py). Imports changes, clients, payload, limits, surface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.cometd.clients import CometClient, CometClients
from sf_pipelines.emulator.cometd.payload import message_of
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.limits import COMET_CLIENTS, DELIVERED_EVENTS

HANDSHAKE, CONNECT, DISCONNECT = "/meta/handshake", "/meta/connect", "/meta/disconnect"
SUBSCRIBE, UNSUBSCRIBE = "/meta/subscribe", "/meta/unsubscribe"
HOLD_SECONDS = 110.0
"""[D] section 9: how long a connect is held while there is nothing to tell."""
# [I] events in the answer of one connect.
MAX_EVENTS = 500
TIP, ALL_RETAINED = -1, -2
AUTHENTICATION_INVALID = "401::Authentication invalid"
UNKNOWN_CLIENT = "403::Unknown client"
HANDSHAKE_DENIED = "403::Handshake denied"
DELIVERY_EXCEEDED = "403::Organization total events daily limit exceeded"
# [I] texts.
TOO_MANY_CLIENTS = "403::Organization concurrent user limit exceeded"
_UNKNOWN_CHANNEL = "404::The channel {} is not available"
_UNKNOWN_MESSAGE = "400::The message channel {} is not supported"
_REPLAY_INVALID = (
    "400::The replayId {{{}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
    "or -1 to replay only new events."
)
_RETRY = {"interval": 0, "timeout": round(HOLD_SECONDS * 1000), "reconnect": "retry"}
_AGAIN = {"interval": 0, "reconnect": "handshake"}
_NEVER = {"reconnect": "none"}

Message = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class CometServer:
    """Answers meta messages of one org."""

    surface: Surface
    clients: CometClients

    def handshake(self, message: Message, browser: str | None) -> tuple[Message, CometClient | None]:
        """Know a new client from now on."""
        kinds = message.get("supportedConnectionTypes")
        if not isinstance(kinds, list) or "long-polling" not in kinds:
            return refusal(message, HANDSHAKE_DENIED, _NEVER), None
        if len(self.clients) >= self.surface.limits.maximum(COMET_CLIENTS):
            return refusal(message, TOO_MANY_CLIENTS, _NEVER), None
        client = self.clients.add(browser)
        answer = _answer(
            message,
            clientId=client.id,
            version="1.0",
            minimumVersion="1.0",
            supportedConnectionTypes=["long-polling"],
            ext={"replay": True, "payload.format": True},
        )
        return answer, client

    def answer(self, message: Message, browser: str | None) -> Message:
        """The answer to any other meta message but connect."""
        client = self.client_of(message, browser)
        if client is None:
            return refusal(message, UNKNOWN_CLIENT, _AGAIN)
        act = _ACTS.get(message["channel"])
        if act is None:
            return refusal(message, _UNKNOWN_MESSAGE.format(message["channel"]), _RETRY)
        return act(self, client, message)

    def client_of(self, message: Message, browser: str | None) -> CometClient | None:
        """The client that sends a message; None when it is unknown."""
        return self.clients.find(str(message.get("clientId", "")), browser)

    def has_news(self, client: CometClient) -> bool:
        """True when there may be something to tell, or nobody to tell it to."""
        end = self.surface.org.changes.log.end
        known = self.clients.find(client.id, client.browser) is not None
        return not known or any(place < end for place in client.places.values())

    def events(self, client: CometClient) -> list[Message]:
        """The messages that are there for a client; its places move behind them."""
        bus, found = self.surface.org.changes, list[Message]()
        for channel, place in list(client.places.items()):
            members = bus.channels.members(channel) or frozenset[str]()
            page = bus.log.read(place, members, MAX_EVENTS)
            allowed = self.surface.limits.spend_up_to(DELIVERED_EVENTS, len(page.events))
            told = page.events[:allowed]
            schema = self.surface.org.schema
            found += [message_of(event, channel, schema.find(event.shape.sobject)) for event in told]
            client.places[channel] = page.place if allowed == len(page.events) else _behind(told, place)
        return found

    def connected(self, message: Message, client: CometClient) -> Message:
        """The answer to a connect."""
        if client.places and self.surface.limits.left(DELIVERED_EVENTS) <= 0:
            return refusal(message, DELIVERY_EXCEEDED, _NEVER)
        return _answer(message, clientId=client.id, advice=_RETRY)

    def subscribe(self, client: CometClient, message: Message) -> Message:
        """Begin to tell a client of a channel, from the place that its replay extension names."""
        channel = message.get("subscription")
        log = self.surface.org.changes.log
        if not isinstance(channel, str) or self.surface.org.changes.channels.members(channel) is None:
            return refusal(message, _UNKNOWN_CHANNEL.format(channel), _RETRY)
        wish = _replay_wish(message, channel)
        if wish in (TIP, ALL_RETAINED):
            client.places[channel] = log.end if wish == TIP else log.beginning
        else:
            try:
                client.places[channel] = log.place_of_number(wish)
            except (TypeError, ValueError):
                return refusal(message, _REPLAY_INVALID.format(wish), _RETRY)
        self.surface.org.clock.wake()
        return _answer(message, clientId=client.id, subscription=channel)

    def unsubscribe(self, client: CometClient, message: Message) -> Message:
        """Tell it of a channel no more."""
        channel = str(message.get("subscription"))
        client.places.pop(channel, None)
        return _answer(message, clientId=client.id, subscription=channel)

    def disconnect(self, client: CometClient, message: Message) -> Message:
        """Forget it."""
        self.clients.drop(client)
        return _answer(message, clientId=client.id)


def denied(message: Message) -> Message:
    """The answer to a caller without a live session."""
    if message.get("channel") != HANDSHAKE:
        return refusal(message, AUTHENTICATION_INVALID, _NEVER)
    ext = {"sfdc": {"failureReason": AUTHENTICATION_INVALID}}
    return {**refusal(message, HANDSHAKE_DENIED, _NEVER), "ext": ext}


def unknown_client(message: Message) -> Message:
    """The answer to a connect of a client that is forgotten."""
    return refusal(message, UNKNOWN_CLIENT, _AGAIN)


def refusal(message: Message, error: str, advice: Mapping[str, Any]) -> Message:
    """A meta message that isn't done."""
    answer = {**_answer(message, advice=dict(advice), error=error), "successful": False}
    for key in ("clientId", "subscription"):
        if key in message:
            answer[key] = message[key]
    return answer


def _answer(message: Message, **facts: Any) -> Message:
    """An answer repeats the message's id, where it has one."""
    id_ = {"id": message["id"]} if "id" in message else {}
    return {**facts, "channel": message.get("channel"), **id_, "successful": True}


def _replay_wish(message: Message, channel: str) -> Any:
    """[D] section 9: the replay extension names a place for each channel; without it the tip."""
    ext = message.get("ext")
    places = ext.get("replay") if isinstance(ext, dict) else None
    return places.get(channel, TIP) if isinstance(places, dict) else TIP


def _behind(told: Any, place: int) -> int:
    return told[-1].number if told else place


_ACTS: Mapping[str, Callable[[CometServer, CometClient, Message], Message]] = {
    SUBSCRIBE: CometServer.subscribe,
    UNSUBSCRIBE: CometServer.unsubscribe,
    DISCONNECT: CometServer.disconnect,
}
