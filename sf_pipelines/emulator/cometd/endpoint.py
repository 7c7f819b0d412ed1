"""`POST /cometd/NN.0`: messages in, answers out, and a connect that is held until there is something to tell.

Belongs here: HTTP, session, cookie, waiting. Not here: what messages do (protocol.py). Imports protocol,
Starlette.
"""

from __future__ import annotations

from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sf_pipelines.emulator.cometd import protocol
from sf_pipelines.emulator.cometd.clients import CometClient
from sf_pipelines.emulator.cometd.protocol import CometServer, Message
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.body_stream import BodyStream
from sf_pipelines.emulator.http.messages import json_error, parse_json
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.http.versions import served_version
from sf_pipelines.emulator.latency.waiting import wait_on_clock

PREFIX = "/cometd/"
_COOKIE = "BAYEUX_BROWSER"


async def serve_cometd(surface: Surface, request: Request) -> Response:
    """Answer one request; its messages are answered in order, then come the events.

    Raises:
        SalesforceError: a wrong version, method or body.
    """
    # clients put the name of the message behind the version: /cometd/66.0/handshake
    served_version("v" + request.scope["path"].removeprefix(PREFIX).split("/")[0])
    if request.method != "POST":
        message = f"HTTP Method '{request.method}' not allowed. Allowed are POST"
        raise SalesforceError("METHOD_NOT_ALLOWED", message, status=405)
    messages = _messages(await BodyStream(request.receive).whole())
    if not _has_session(surface, request):
        return JSONResponse(list(map(protocol.denied, messages)))
    server = CometServer(surface=surface, clients=surface.comet_clients)
    browser = request.cookies.get(_COOKIE)
    answers: list[Message] = []
    for message in messages:
        if message["channel"] == protocol.HANDSHAKE:
            answer, client = server.handshake(message, browser)
            browser = client.browser if client is not None else browser
            answers.append(answer)
        elif message["channel"] == protocol.CONNECT:
            answers += await _connect(server, message, browser)
        else:
            answers.append(await run_in_threadpool(server.answer, message, browser))
    response = JSONResponse(answers)
    if browser is not None and browser != request.cookies.get(_COOKIE):
        response.set_cookie(_COOKIE, browser, httponly=True)
    return response


async def _connect(server: CometServer, message: Message, browser: str | None) -> list[Message]:
    client = server.client_of(message, browser)
    if client is None:
        return [protocol.unknown_client(message)]
    client.is_connected = True
    try:
        events = await run_in_threadpool(server.events, client)
        if not events and client.has_connected:
            events = await _held(server, client)
    finally:
        client.is_connected = False
        server.clients.keep(client)
    client.has_connected = True
    if server.client_of(message, browser) is None:
        return [protocol.unknown_client(message)]
    return [*events, server.connected(message, client)]


async def _held(server: CometServer, client: CometClient) -> list[Message]:
    """Events as soon as there are some; none when the time is over."""
    clock = server.surface.org.clock
    until = clock.after(protocol.HOLD_SECONDS)
    while await wait_on_clock(clock, lambda: server.has_news(client), until):
        events = await run_in_threadpool(server.events, client)
        if events or server.clients.find(client.id, client.browser) is None:
            return events
    return []


def _messages(content: bytes) -> list[Message]:
    parsed: Any = parse_json(content)
    messages: list[Any] = cast("list[Any]", parsed) if isinstance(parsed, list) else [parsed]
    for message in messages:
        if not isinstance(message, dict) or not isinstance(cast("Message", message).get("channel"), str):
            raise json_error("A Bayeux message is a JSON object with a channel")
    return messages


def _has_session(surface: Surface, request: Request) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        surface.sessions.find(token.strip() if scheme.lower() in ("bearer", "oauth") else "")
    except SalesforceError:
        return False
    return True
