"""The body of a request as it arrives.

Belongs here: reading it in pieces, whole up to a cap, or to no purpose. Not here: what is in it
(messages.py). Imports Starlette and messages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from sf_pipelines.emulator.http.messages import MAX_BODY_BYTES, too_large


class BodyStream:
    """Reads each piece once, and knows when the last one came."""

    def __init__(self, receive: Receive) -> None:
        """Read from an ASGI `receive`."""
        self._receive = receive
        self._is_complete = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """What hasn't been read yet.

        Raises:
            ClientDisconnect: the client went away before the end.
        """
        while not self._is_complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._is_complete = not message.get("more_body", False)
            piece = message.get("body", b"")
            if piece:
                yield piece

    async def whole(self, most_bytes: int = MAX_BODY_BYTES) -> bytes:
        """All of it.

        Raises:
            SalesforceError: 413, it is larger than `most_bytes`.
        """
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > most_bytes:
                raise too_large()
        return bytes(body)

    async def drain(self) -> None:
        """Read what the client still sends, so that it can read the refusal on an unbroken connection."""
        async for _ in self.pieces():
            pass
