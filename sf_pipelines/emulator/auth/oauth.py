"""The OAuth 2.0 token endpoint's grants: client credentials, password, refresh token, JWT bearer.

Belongs here: who gets a token for which form fields, and the error codes of a refusal. Not here: HTTP reading
and writing (endpoints.py), checking a JWT (jwt_bearer.py). Imports credentials, sessions and the clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sf_pipelines.emulator.auth.credentials import ConnectedApp, LoginUser
from sf_pipelines.emulator.auth.jwt_bearer import check_assertion
from sf_pipelines.emulator.auth.oauth_error import OAuthError
from sf_pipelines.emulator.auth.sessions import Session, SessionStore
from sf_pipelines.emulator.clock import Clock

SCOPE = "refresh_token web api"


@dataclass(frozen=True, kw_only=True, slots=True)
class OAuthServer:
    """Everything a grant looks at."""

    org_id: str
    app: ConnectedApp
    user: LoginUser
    sessions: SessionStore
    clock: Clock

    def grant(self, form: Mapping[str, str], base_url: str) -> dict[str, str]:
        """The body of a 200 answer to `/services/oauth2/token`.

        Args:
            form: the form fields, with client_id and client_secret filled from HTTP Basic where it was used.
            base_url: the address that the client called; it becomes `instance_url`.

        Raises:
            OAuthError: the grant is refused.
        """
        grant_type = _required(form, "grant_type")
        grant = _GRANTS.get(grant_type)
        if grant is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        return grant(self, form, base_url)

    def check_client(self, form: Mapping[str, str], *, secret_required: bool) -> None:
        """Refuse an unknown consumer key or a wrong secret."""
        if form.get("client_id", "") != self.app.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        secret = form.get("client_secret")
        if secret is None and not secret_required:
            return
        if not self.app.has_secret(secret or ""):
            raise OAuthError("invalid_client", "invalid client credentials")

    def token_body(self, base_url: str) -> dict[str, str]:
        """Open a session for the user and describe it."""
        session = self.sessions.open(user_id=self.user.user_id, client_id=self.app.client_id)
        identity = f"{base_url}/id/{self.org_id}/{session.user_id}"
        issued_at = str(int(session.issued_at.timestamp() * 1000))
        return {
            "access_token": session.token,
            "signature": self._signature(identity + issued_at),
            "scope": SCOPE,
            "instance_url": base_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }

    def open_session(self) -> Session:
        """A session for the integration user, for whoever embeds the server."""
        return self.sessions.open(user_id=self.user.user_id, client_id=self.app.client_id)

    def _signature(self, text: str) -> str:
        digest = hmac.new(self.app.client_secret.encode(), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()


def _client_credentials(server: OAuthServer, form: Mapping[str, str], base_url: str) -> dict[str, str]:
    server.check_client(form, secret_required=True)
    return server.token_body(base_url)


def _password(server: OAuthServer, form: Mapping[str, str], base_url: str) -> dict[str, str]:
    server.check_client(form, secret_required=True)
    is_user = _required(form, "username").lower() == server.user.username.lower()
    if not server.user.has_password(_required(form, "password")) or not is_user:
        raise OAuthError("invalid_grant", "authentication failure")
    body = server.token_body(base_url)
    token = server.sessions.issue_refresh_token(user_id=server.user.user_id, client_id=server.app.client_id)
    return body | {"refresh_token": token}


def _refresh(server: OAuthServer, form: Mapping[str, str], base_url: str) -> dict[str, str]:
    server.check_client(form, secret_required=False)
    token = _required(form, "refresh_token")
    if server.sessions.user_of_refresh_token(token, server.app.client_id) is None:
        raise OAuthError("invalid_grant", "expired access/refresh token")
    return server.token_body(base_url)


def _jwt_bearer(server: OAuthServer, form: Mapping[str, str], base_url: str) -> dict[str, str]:
    claims = check_assertion(
        _required(form, "assertion"), app=server.app, now=server.clock.now(), base_url=base_url
    )
    if str(claims["sub"]).lower() != server.user.username.lower():
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    return server.token_body(base_url)


_Grant = Callable[[OAuthServer, Mapping[str, str], str], dict[str, str]]
_GRANTS: Mapping[str, _Grant] = {
    "client_credentials": _client_credentials,
    "password": _password,
    "refresh_token": _refresh,
    "urn:ietf:params:oauth:grant-type:jwt-bearer": _jwt_bearer,
}


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if not value:
        raise OAuthError("invalid_request", f"missing required parameter: {name}")
    return value
