"""The four OAuth flows: credentials in, a token and the address to use it at out.

Sends only to `/services/oauth2/token`. No secret leaves this module except as a `Secret`, in a form body or
in a signed assertion; messages name at most the last four characters of a client id.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jwt

from sf_pipelines.config.settings import PREFIX, AuthFlow, SalesforceSettings, Secret
from sf_pipelines.rails.errors import AuthenticationError, Facts
from sf_pipelines.rails.refusal import describe_body, parse_envelope, refusal
from sf_pipelines.rails.retries import RetryPolicy, may_repeat_read
from sf_pipelines.rails.urls import is_safe_url, site
from sf_pipelines.rails.wire import Answer, Call, Wire

TOKEN_PATH = "/services/oauth2/token"
JWT_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_LIFETIME_SECONDS = 170
"""Salesforce takes assertions that end within about three minutes [C]; less leaves room for clocks."""

_OPEN_FORM_FIELDS = frozenset({"grant_type", "username"})

_MENDS: Mapping[str, str] = {
    "invalid_client_id": f"set {PREFIX}SALESFORCE_CLIENT_ID to the consumer key of the connected app",
    "invalid_client": f"set {PREFIX}SALESFORCE_CLIENT_SECRET to the consumer secret of the connected app",
    "unsupported_grant_type": f"enable this flow in the org, or set {PREFIX}SALESFORCE_FLOW to another",
    "inactive_user": "activate the user in the org",
    "inactive_org": "use an org that is active",
}

_MENDS_OF_INVALID_GRANT: Mapping[AuthFlow, str] = {
    AuthFlow.CLIENT_CREDENTIALS: "give the connected app a run-as user and use the org's My Domain URL",
    AuthFlow.JWT_BEARER: "check user name, key file and audience, and that the user approved the app",
    AuthFlow.REFRESH_TOKEN: f"log in again and set {PREFIX}SALESFORCE_REFRESH_TOKEN",
    AuthFlow.PASSWORD: "check user name, password and security token",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A token and the base URL of every later call; Salesforce tells no lifetime.

    Attributes:
        user_id: of the user that the token stands for, None where the answer has no identity URL.
        org_id: of the user's org, likewise.
    """

    access_token: Secret
    instance_url: str
    user_id: str | None = None
    org_id: str | None = None


class Authenticator:
    """Gets a grant when it is first needed, and a new one when the org refuses the old; safe for threads."""

    def __init__(
        self,
        settings: SalesforceSettings,
        *,
        wire: Wire,
        retries: RetryPolicy,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._wire = wire
        self._retries = retries
        self._now = now
        self._refresh_token = settings.refresh_token
        self._lock = threading.Lock()
        self._grant: Grant | None = None

    @property
    def current(self) -> Grant | None:
        """The grant at hand, without asking for one."""
        return self._grant

    def grant(self) -> Grant:
        """The grant at hand, or a first one.

        Raises:
            AuthenticationError: the org refuses the credentials.
        """
        with self._lock:
            if self._grant is None:
                self._grant = self._ask()
            return self._grant

    def renew(self, refused: Grant) -> Grant:
        """A grant newer than the refused one; threads that were refused together ask once."""
        with self._lock:
            if self._grant is None or self._grant is refused:
                self._grant = self._ask()
            return self._grant

    def _ask(self) -> Grant:
        answer = self._retries.run(self._post_form, repeat_if=may_repeat_read)
        if answer.status != 200:
            raise self._denied(answer)
        data = answer.json_object()
        self._keep_rotated(data.get("refresh_token"))
        token, instance_url = data.get("access_token"), data.get("instance_url")
        if not isinstance(token, str) or not isinstance(instance_url, str):
            raise answer.unexpected("a token answer holds access_token and instance_url")
        if not is_safe_url(instance_url):
            raise answer.unexpected("its instance_url is not https, so no token is sent there")
        org_id, user_id = _identity(data.get("id"))
        return Grant(
            access_token=Secret(token),
            instance_url=instance_url.rstrip("/"),
            user_id=user_id,
            org_id=org_id,
        )

    def _post_form(self) -> Answer:
        # The form is made anew for each attempt: an assertion would otherwise grow too old while waiting.
        call = Call(
            method="POST",
            path=TOKEN_PATH,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(self._form()).encode(),
        )
        answer = self._wire.send(self._settings.url, call)
        if answer.status >= 500 or answer.status in (420, 429):
            raise refusal(status=answer.status, body=b"", is_write=False, facts=answer.facts)
        return answer

    def _form(self) -> dict[str, str]:
        settings = self._settings
        match settings.flow:
            case AuthFlow.CLIENT_CREDENTIALS:
                own = {"grant_type": "client_credentials"}
            case AuthFlow.JWT_BEARER:
                return {"grant_type": JWT_GRANT_TYPE, "assertion": self._assertion()}
            case AuthFlow.REFRESH_TOKEN:
                own = {"grant_type": "refresh_token", "refresh_token": _reveal(self._refresh_token)}
            case AuthFlow.PASSWORD:
                own = {
                    "grant_type": "password",
                    "username": settings.username or "",
                    "password": _reveal(settings.password) + _reveal(settings.security_token),
                }
        own["client_id"] = settings.client_id
        if settings.client_secret is not None:
            own["client_secret"] = settings.client_secret.reveal()
        return own

    def _assertion(self) -> str:
        settings = self._settings
        claims = {
            "iss": settings.client_id,
            "sub": settings.username,
            "aud": settings.jwt_audience,
            "exp": self._now() + timedelta(seconds=JWT_LIFETIME_SECONDS),
        }
        key_file = settings.jwt_private_key_file or Path()
        try:
            return jwt.encode(claims, key_file.read_bytes(), algorithm="RS256")
        except (OSError, TypeError, ValueError, jwt.PyJWTError) as error:
            # The library's own text might quote the key, and no cause is chained for the same reason.
            raise AuthenticationError(
                f"The private key file '{key_file}' of the jwt_bearer flow cannot be used "
                f"({type(error).__name__}): set {PREFIX}SALESFORCE_JWT_PRIVATE_KEY_FILE to a readable "
                "RSA key in PEM format.",
                **Facts(path=TOKEN_PATH),
            ) from None

    def _keep_rotated(self, refresh_token: Any) -> None:
        """Where rotation is on, the old refresh token is void from now on; ours lasts for the process."""
        if isinstance(refresh_token, str) and refresh_token:
            self._refresh_token = Secret(refresh_token)

    def _denied(self, answer: Answer) -> AuthenticationError:
        body = answer.content()
        envelope = parse_envelope(body)
        code = envelope.code if envelope else f"status {answer.status}"
        text = self._without_secrets(envelope.message if envelope else describe_body(body), answer.call)
        message = (
            f"The org at {site(self._settings.url)} refused the {self._settings.flow.value} flow for "
            f"{self._who()} with {code} ({text}): {self._mend(code)}."
        )
        return AuthenticationError(message, **answer.facts | Facts(error_code=code))

    def _who(self) -> str:
        settings = self._settings
        if settings.flow in (AuthFlow.PASSWORD, AuthFlow.JWT_BEARER):
            return f"user '{settings.username}'"
        return f"the client id that ends in '{settings.client_id[-4:]}'"

    def _mend(self, code: str) -> str:
        if code == "invalid_grant":
            return _MENDS_OF_INVALID_GRANT[self._settings.flow]
        return _MENDS.get(code, f"check {PREFIX}SALESFORCE_URL and the credentials of this flow")

    def _without_secrets(self, text: str, call: Call) -> str:
        """The org's text, should it quote what it was sent."""
        sent = dict(parse_qsl(call.body.decode())) if isinstance(call.body, bytes) else {}
        parts = (_reveal(self._settings.password), _reveal(self._settings.security_token))
        hidden = {value for name, value in sent.items() if name not in _OPEN_FORM_FIELDS} | {*parts}
        for secret in sorted(hidden - {""}, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def _reveal(secret: Secret | None) -> str:
    return "" if secret is None else secret.reveal()


def _identity(identity_url: Any) -> tuple[str | None, str | None]:
    """Org and user, the last parts of `https://login.salesforce.com/id/<org>/<user>` ([D] RESTG)."""
    if not isinstance(identity_url, str):
        return None, None
    before, _, user_id = identity_url.rstrip("/").rpartition("/")
    return before.rpartition("/")[2] or None, user_id or None
