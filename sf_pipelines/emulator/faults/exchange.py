"""One HTTP exchange that a fault may bend: the request read ahead, the answer held back.

Belongs here: ASGI plumbing. Not here: what is done to the answer (mutations.py, transport.py). Imports
Starlette's types.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(kw_only=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: MutableHeaders = field(default_factory=MutableHeaders)
    body: bytes = b""

    async def send(self, send: Send) -> None:
        """Send it as it is, with the length that its body has."""
        self.headers["content-length"] = str(len(self.body))
        await self.send_start(send)
        await send({"type": "http.response.body", "body": self.body})

    async def send_start(self, send: Send) -> None:
        """Send status and headers only."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers.raw})


class Exchange:
    """The request of one client, and how far its connection is."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin with nothing read."""
        self.scope = scope
        self.send = send
        self._receive = receive
        self._read_ahead: list[Message] = []
        self._is_gone = False

    async def receive(self) -> Message:
        """The next message of the request: those read ahead first."""
        if self._read_ahead:
            return self._read_ahead.pop(0)
        return await self._receive()

    async def read_ahead(self) -> None:
        """Read the whole request, so that only the client's hanging up can come next."""
        messages: list[Message] = []
        while True:
            message = await self.receive()
            messages.append(message)
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        self._read_ahead = messages

    async def waits(self, waiting: Awaitable[object]) -> bool:
        """Wait with the request read ahead; False when the client hangs up first."""
        tasks = [asyncio.ensure_future(waiting), asyncio.ensure_future(self.hang_up())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for task in done:
            task.result()
        return tasks[0] in done

    async def hang_up(self) -> None:
        """Wait until the client's connection is closed."""
        while not self._is_gone:
            self._is_gone = (await self._receive())["type"] == "http.disconnect"

    async def answer_of(self, app: ASGIApp) -> Answer:
        """Let `app` answer, and hold the answer back."""
        answer = Answer(status=500)
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = MutableHeaders(raw=list(message["headers"]))
            else:
                body.extend(message.get("body", b""))

        await app(self.scope, self.receive, keep)
        answer.body = bytes(body)
        return answer
