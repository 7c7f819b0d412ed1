"""The OAuth 2.0 token endpoint's grants: client credentials, password, refresh token, JWT bearer, code.

Belongs here: who gets a token for which form fields, and the error codes of a refusal. Not here: HTTP reading
and writing (endpoints.py), checking a JWT (jwt_bearer.py). Imports those who know keys, sessions and users.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sf_pipelines.emulator.auth.codes import AuthorizationCodes
from sf_pipelines.emulator.auth.credentials import ConnectedApp, LoginUser
from sf_pipelines.emulator.auth.identity import identity_url
from sf_pipelines.emulator.auth.jwt_bearer import check_assertion
from sf_pipelines.emulator.auth.oauth_error import OAuthError
from sf_pipelines.emulator.auth.sessions import Session, SessionStore
from sf_pipelines.emulator.auth.user_profile import UserProfile
from sf_pipelines.emulator.clock import Clock

SCOPE = "refresh_token web api"


@dataclass(frozen=True, kw_only=True, slots=True)
class OAuthServer:
    """Everything a grant looks at."""

    org_id: str
    app: ConnectedApp
    user: LoginUser
    profile: Callable[[], UserProfile]
    """The integration user's row as it is now."""
    sessions: SessionStore
    codes: AuthorizationCodes
    clock: Clock
    rotates_refresh_tokens: bool = False
    """True: a refresh answers with the next refresh token, and the old one is dead."""

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

    def knows(self, username: str, password: str) -> bool:
        """True for the active user's name, in any case, and its password with the security token behind."""
        is_user = username.lower() == self.profile().username.lower()
        return self.user.has_password(password) and is_user

    def token_body(self, base_url: str) -> dict[str, str]:
        """Open a session for the user and describe it.

        Raises:
            OAuthError: inactive_user.
        """
        if not self.profile().is_active:
            raise OAuthError("inactive_user", "user is inactive")
        session = self.open_session()
        identity = identity_url(base_url, self.org_id, session.user_id)
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

    def refresh_token(self) -> dict[str, str]:
        """A new refresh token, as a part of a token answer."""
        token = self.sessions.issue_refresh_token(
            user_id=self.profile().user_id, client_id=self.app.client_id
        )
        return {"refresh_token": token}

    def open_session(self) -> Session:
        """A session for the integration user, also for whoever embeds the server."""
        return self.sessions.open(user_id=self.profile().user_id, client_id=self.app.client_id)

    def _signature(self, text: str) -> str:
        digest = hmac.new(self.app.client_secret.encode(), text.encode(), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()


def _client_credentials(server: OAuthServer, form: Mapping[str, str], base_url: str) -> dict[str, str]:
    server.check_client(form, secret_required=True)
    return server.token_body(base_url)


def _password(server: OAuthServer, form: Mapping[str, str], base_url: str) -> dict[str, str]:
    server.check_client(form, secret_required=True)
    if not server.knows(_required(form, "username"), _required(form, "password")):
        raise OAuthError("invalid_grant", "authentication failure")
    return server.token_body(base_url) | server.refresh_token()


def _refresh(server: OAuthServer, form: Mapping[str, str], base_url: str) -> dict[str, str]:
    server.check_client(form, secret_required=False)
    token = _required(form, "refresh_token")
    is_good = server.sessions.user_of_refresh_token(token, server.app.client_id) is not None
    if is_good and server.rotates_refresh_tokens:
        # of two clients that come with the same token, one is served
        is_good = server.sessions.revoke(token)
    if not is_good:
        raise OAuthError("invalid_grant", "expired access/refresh token")
    body = server.token_body(base_url)
    return body | server.refresh_token() if server.rotates_refresh_tokens else body


def _authorization_code(server: OAuthServer, form: Mapping[str, str], base_url: str) -> dict[str, str]:
    server.check_client(form, secret_required=False)
    was_verified = server.codes.redeem(
        _required(form, "code"),
        client_id=form["client_id"],
        redirect_uri=_required(form, "redirect_uri"),
        verifier=form.get("code_verifier"),
    )
    server.check_client(form, secret_required=not was_verified)
    return server.token_body(base_url) | server.refresh_token()


def _jwt_bearer(server: OAuthServer, form: Mapping[str, str], base_url: str) -> dict[str, str]:
    claims = check_assertion(
        _required(form, "assertion"), app=server.app, now=server.clock.now(), base_url=base_url
    )
    if str(claims["sub"]).lower() != server.profile().username.lower():
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    return server.token_body(base_url)


_Grant = Callable[[OAuthServer, Mapping[str, str], str], dict[str, str]]
_GRANTS: Mapping[str, _Grant] = {
    "authorization_code": _authorization_code,
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
