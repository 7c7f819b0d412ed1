"""Sessions: access tokens that expire on the org's clock, and refresh tokens that don't.

Belongs here: issue, look up, revoke. Not here: the grants that earn a token (oauth.py). Imports errors and
the clock.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError

DEFAULT_LIFETIME_SECONDS = 2 * 60 * 60
_PURGE_EVERY = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One live login."""

    token: str = field(repr=False)
    user_id: str
    client_id: str
    issued_at: datetime
    expires_at: datetime


class SessionStore:
    """All sessions and refresh tokens of the org. Thread-safe; not kept over a restart."""

    def __init__(self, clock: Clock, org_id: str, lifetime_seconds: float = DEFAULT_LIFETIME_SECONDS) -> None:
        """Tokens start with the 15-character org id, as Salesforce's do."""
        self._clock = clock
        self._prefix = org_id[:15] + "!"
        self._lifetime = timedelta(seconds=lifetime_seconds)
        self._lock = Lock()
        self._sessions: dict[str, Session] = {}
        self._refresh: dict[str, tuple[str, str]] = {}

    @property
    def lifetime_seconds(self) -> int:
        """How long a new session lives."""
        return int(self._lifetime.total_seconds())

    def open(self, *, user_id: str, client_id: str) -> Session:
        """A new session for the user."""
        now = self._clock.now()
        session = Session(
            token=self._prefix + secrets.token_urlsafe(72),
            user_id=user_id,
            client_id=client_id,
            issued_at=now,
            expires_at=now + self._lifetime,
        )
        with self._lock:
            if len(self._sessions) % _PURGE_EVERY == _PURGE_EVERY - 1:
                self._sessions = {key: one for key, one in self._sessions.items() if one.expires_at > now}
            self._sessions[session.token] = session
        return session

    def find(self, token: str) -> Session:
        """The live session of that token.

        Raises:
            SalesforceError: 401 INVALID_SESSION_ID, for a token that is unknown, revoked or too old.
        """
        session = self._sessions.get(token)
        if session is None or session.expires_at <= self._clock.now():
            raise invalid_session()
        return session

    def issue_refresh_token(self, *, user_id: str, client_id: str) -> str:
        """A refresh token bound to the client."""
        token = "5Aep." + secrets.token_urlsafe(48)
        with self._lock:
            self._refresh[token] = (user_id, client_id)
        return token

    def user_of_refresh_token(self, token: str, client_id: str) -> str | None:
        """The user who may be logged in again by that token of that client; None when it is no good."""
        user_id, owner = self._refresh.get(token, (None, ""))
        return user_id if owner == client_id else None

    def revoke(self, token: str) -> bool:
        """End a session or a refresh token; False when there was none."""
        with self._lock:
            found = self._sessions.pop(token, None) or self._refresh.pop(token, None)
        return found is not None

    def clear(self) -> None:
        """End them all."""
        with self._lock:
            self._sessions.clear()
            self._refresh.clear()


def invalid_session() -> SalesforceError:
    """The answer to any call without a live session ([R], section 1 of the wire contract)."""
    return SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", status=401)
