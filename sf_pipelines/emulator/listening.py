"""Serves one ASGI application on loopback ports, plain and encrypted, from one thread.

Belongs here: sockets, uvicorn, its thread. Not here: what is served (app.py), which ports (server.py).
Imports uvicorn.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event, Thread

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HOST = "127.0.0.1"
_START_TIMEOUT_SECONDS = 30.0


class EmulatorError(Exception):
    """The emulator can't run; the text is one sentence for people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """A bound socket, and the TLS context of its connections (None: plain HTTP)."""

    socket: socket.socket
    tls: ssl.SSLContext | None

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{HOST}:{self.socket.getsockname()[1]}"


def listen(opened: ExitStack, port: int, *, tls: ssl.SSLContext | None = None) -> Listener:
    """Take a port on loopback (0: a free one) until `opened` closes.

    Raises:
        EmulatorError: the port is taken, or is none.
    """
    bound = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except (OSError, OverflowError) as error:
        raise EmulatorError(
            f"Port {port} can't be used on {HOST}: choose another one, or 0 for any."
        ) from error
    return Listener(socket=bound, tls=tls)


def serve(opened: ExitStack, listeners: Sequence[Listener], app: ASGIApp) -> None:
    """Serve `app` on all listeners until `opened` closes; returns when each of them listens.

    One event loop serves them all, so that the application never meets two.

    Raises:
        EmulatorError: the server did not begin to listen.
    """
    servers = [_Uvicorn(_config(app, listener)) for listener in listeners]
    thread = Thread(target=_run, args=(servers, listeners), name="emulator-http", daemon=True)
    thread.start()
    opened.callback(_stop, servers, thread)
    for server in servers:
        if not server.listening.wait(_START_TIMEOUT_SECONDS):
            raise EmulatorError("The emulator didn't begin to listen: see its log.")


class _Uvicorn(uvicorn.Server):
    """A uvicorn that says when it listens, and leaves signals to its owner."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.listening.set()


class _Protocol(HttpToolsProtocol):
    """HTTP/1.1 that ends an idle TLS connection at once when the server stops.

    A polite end waits for the client's farewell, and a client that doesn't read never says it.
    """

    def shutdown(self) -> None:
        super().shutdown()
        transport = self.transport
        is_idle = transport.is_closing() and not transport.get_write_buffer_size()
        if is_idle and transport.get_extra_info("ssl_object") is not None:
            transport.abort()


def _run(servers: Sequence[_Uvicorn], listeners: Sequence[Listener]) -> None:
    async def serve_all() -> None:
        pairs = zip(servers, listeners, strict=True)
        await asyncio.gather(*(server.serve(sockets=[listener.socket]) for server, listener in pairs))

    with asyncio.Runner(loop_factory=servers[0].config.get_loop_factory()) as runner:
        runner.run(serve_all())


def _stop(servers: Sequence[uvicorn.Server], thread: Thread) -> None:
    for server in servers:
        server.should_exit = True
    thread.join()


def _config(app: ASGIApp, listener: Listener) -> uvicorn.Config:
    tls = listener.tls
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=5,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
