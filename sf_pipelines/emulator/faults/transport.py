"""Connections that break: reset, and closed in the middle of a body.

Belongs here: what ASGI has no words for. It reaches for the transport behind uvicorn's `send`, in one place.
Not here: when it happens (middleware.py). Imports exchange.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from starlette.types import Send

from sf_pipelines.emulator.faults.exchange import Answer, Exchange

# On, and no time: a close sends RST and drops what is unsent.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def reset(exchange: Exchange) -> None:
    """Reset the client's connection."""
    transport = _transport(exchange.send)
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    await exchange.hang_up()


async def truncate(exchange: Exchange, answer: Answer, share: float) -> None:
    """Announce the whole body, send a part of it, close."""
    await _send_part(exchange, answer, int(len(answer.body) * share))
    _transport(exchange.send).close()
    await exchange.hang_up()


async def begin_body(exchange: Exchange, answer: Answer, most_bytes: int) -> None:
    """Announce the whole body and send its first bytes."""
    await _send_part(exchange, answer, min(most_bytes, max(0, len(answer.body) - 1)))


async def _send_part(exchange: Exchange, answer: Answer, size_bytes: int) -> None:
    # A body must be cut to be truncated, also an empty one.
    answer.headers["content-length"] = str(max(len(answer.body), 1))
    await answer.send_start(exchange.send)
    await exchange.send({"type": "http.response.body", "body": answer.body[:size_bytes], "more_body": True})


def _transport(send: Send) -> asyncio.Transport:
    cycle: Any = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("A fault that breaks connections needs the emulator to be served by uvicorn")
    return transport
