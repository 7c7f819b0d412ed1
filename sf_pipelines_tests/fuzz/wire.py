"""Calls the emulator's ASGI application in this process, without sockets.

Belongs here: requests and answers as bytes. Not here: making them up (the modules named after surfaces),
judging them (verdict.py).
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import dataclass, field, replace
from types import TracebackType
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

# Stands for the token of a live session, in a body or in a header.
LIVE_SESSION = "live-session"


@dataclass(frozen=True, kw_only=True)
class WireRequest:
    """One HTTP request; `path` and `query` are ASCII, as a server hands them on."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def with_session(self, token: str) -> WireRequest:
        """The same call by the caller of that session, unless its headers say otherwise."""
        headers = {"authorization": f"Bearer {token}", "x-sfdc-session": token, **self.headers}
        return replace(
            self,
            headers={name: text.replace(LIVE_SESSION, token) for name, text in headers.items()},
            body=self.body.replace(LIVE_SESSION.encode(), token.encode()),
        )


@dataclass(frozen=True, kw_only=True)
class WireAnswer:
    """What came back; header names in lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> bytes:
        """The content, unpacked."""
        encoding = self.headers.get("content-encoding")
        if encoding == "gzip":
            return gzip.decompress(self.raw)
        return zlib.decompress(self.raw) if encoding == "deflate" else self.raw


class InProcessClient:
    """One event loop that runs the application, call by call."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._runner = asyncio.Runner()

    def __enter__(self) -> InProcessClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()

    def send(self, request: WireRequest) -> WireAnswer:
        return self._runner.run(self._send(request))

    async def _send(self, request: WireRequest) -> WireAnswer:
        messages: list[Message] = []
        incoming: list[Message] = [{"type": "http.request", "body": request.body, "more_body": False}]

        async def receive() -> Message:
            if incoming:
                return incoming.pop()
            await asyncio.Event().wait()
            raise AssertionError("a client that stays connected sends nothing more")

        async def send(message: Message) -> None:
            messages.append(message)

        await self._app(_scope(request), receive, send)
        start = messages[0]
        return WireAnswer(
            status=start["status"],
            headers={name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]},
            raw=b"".join(message.get("body", b"") for message in messages[1:]),
        )


def _scope(request: WireRequest) -> dict[str, object]:
    headers = {"host": "127.0.0.1:8080", "content-length": str(len(request.body)), **request.headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.path),
        "raw_path": request.path.encode("ascii"),
        "query_string": request.query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
    }
