"""Authorization codes of the web server flow: used once, bound to client and callback, short-lived.

Belongs here: issue and redeem, and the check of PKCE. Not here: the HTTP of `/authorize` (authorize.py).
Imports the clock and the OAuth error.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sf_pipelines.emulator.auth.oauth_error import OAuthError
from sf_pipelines.emulator.clock import Clock

# [D] web server flow: "the authorization code expires after 15 minutes".
CODE_LIFETIME_SECONDS = 15 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class _Grant:
    client_id: str
    redirect_uri: str
    code_challenge: str | None
    expires_at: datetime


class AuthorizationCodes:
    """The codes that wait for their exchange. Thread-safe; not kept over a restart."""

    def __init__(self, clock: Clock) -> None:
        """Codes end on `clock`."""
        self._clock = clock
        self._lock = Lock()
        self._waiting: dict[str, _Grant] = {}

    def issue(self, *, client_id: str, redirect_uri: str, code_challenge: str | None) -> str:
        """A new code; `code_challenge` is the S256 one of PKCE, None without."""
        code = "aPrx" + secrets.token_urlsafe(48)
        now = self._clock.now()
        grant = _Grant(
            client_id=client_id,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            expires_at=now + timedelta(seconds=CODE_LIFETIME_SECONDS),
        )
        with self._lock:
            self._waiting = {key: one for key, one in self._waiting.items() if one.expires_at > now}
            self._waiting[code] = grant
        return code

    def redeem(self, code: str, *, client_id: str, redirect_uri: str, verifier: str | None) -> bool:
        """Use up a code; True when PKCE stood in for the client's secret.

        Raises:
            OAuthError: invalid_grant or redirect_uri_mismatch; the code is gone all the same.
        """
        with self._lock:
            grant = self._waiting.pop(code, None)
        if grant is None or grant.client_id != client_id:
            raise OAuthError("invalid_grant", "invalid authorization code")
        if grant.expires_at <= self._clock.now():
            raise OAuthError("invalid_grant", "expired authorization code")
        if grant.redirect_uri != redirect_uri:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        if grant.code_challenge is None:
            return False
        if not hmac.compare_digest(grant.code_challenge.encode(), _s256(verifier or "").encode()):
            raise OAuthError("invalid_grant", "invalid code verifier")
        return True


def _s256(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
