"""The clients that shook hands over CometD: what each subscribed to, and how far it has read.

Belongs here: their state and its end. Not here: messages (protocol.py), HTTP (endpoint.py). Imports changes,
clock.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from sf_pipelines.emulator.clock import Clock

# [D] section 9: a client that doesn't connect again within 40 seconds is forgotten.
RECONNECT_SECONDS = 40.0


@dataclass(kw_only=True, slots=True)
class CometClient:
    """One client."""

    id: str
    browser: str
    """The cookie that each of its requests brings back."""
    gone_at: datetime
    """When it is forgotten, unless it connects before."""
    places: dict[str, int] = field(default_factory=dict[str, int])
    """Channel to the place behind what it was sent."""
    is_connected: bool = False
    """True while one of its connects is held."""
    has_connected: bool = False


class CometClients:
    """All of them. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        """Begin without any."""
        self._clock = clock
        self._lock = Lock()
        self._clients: dict[str, CometClient] = {}

    def __len__(self) -> int:
        """How many there are."""
        with self._lock:
            self._forget_gone()
            return len(self._clients)

    def add(self, browser: str | None) -> CometClient:
        """A new client; `browser` is the cookie that it has already."""
        client = CometClient(
            id=secrets.token_hex(14), browser=browser or secrets.token_hex(16), gone_at=self._deadline()
        )
        with self._lock:
            self._clients[client.id] = client
        return client

    def find(self, client_id: str, browser: str | None) -> CometClient | None:
        """The client of that id and cookie; None when it is unknown or forgotten."""
        with self._lock:
            self._forget_gone()
            client = self._clients.get(client_id)
        return client if client is not None and client.browser == browser else None

    def keep(self, client: CometClient) -> None:
        """Let its time begin anew."""
        client.gone_at = self._deadline()

    def drop(self, client: CometClient) -> None:
        """Forget it."""
        with self._lock:
            self._clients.pop(client.id, None)
        self._clock.wake()

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._clients.clear()
        self._clock.wake()

    def _deadline(self) -> datetime:
        return self._clock.after(RECONNECT_SECONDS)

    def _forget_gone(self) -> None:
        now = self._clock.now()
        for client in list(self._clients.values()):
            if not client.is_connected and client.gone_at <= now:
                del self._clients[client.id]
