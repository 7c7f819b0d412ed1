"""Checks the assertion of the JWT bearer flow: signature, issuer, audience, expiry on the org's clock.

Belongs here: what makes an assertion good. Not here: the session it earns (oauth.py). Imports PyJWT and
credentials.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import jwt

from sf_pipelines.emulator.auth.credentials import ConnectedApp
from sf_pipelines.emulator.auth.oauth_error import OAuthError

AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
# "exp at most about 3 minutes ahead" ([C]); the rest is room for a client's clock that runs fast.
LONGEST_LIFE_SECONDS = 3 * 60 + 30


def check_assertion(assertion: str, *, app: ConnectedApp, now: datetime, base_url: str) -> dict[str, Any]:
    """The claims of a good assertion.

    Raises:
        OAuthError: invalid_client_id for an unknown issuer, else invalid_grant with Salesforce's reason.
    """
    issuer = _read(assertion, verify=False).get("iss")
    if issuer != app.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if app.jwt_public_key is None:
        raise OAuthError("invalid_grant", "invalid assertion")
    claims = _read(assertion, verify=True, key=app.jwt_public_key)
    _check_audience(claims.get("aud"), base_url)
    _check_expiry(claims["exp"], now)
    return claims


def _read(assertion: str, *, verify: bool, key: str = "") -> dict[str, Any]:
    required = ["iss", "sub", "aud", "exp"] if verify else []
    checks = {"verify_signature": verify, "require": required}
    unchecked = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    try:
        return jwt.decode(assertion, key=key, algorithms=["RS256"], options={**checks, **unchecked})  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise OAuthError("invalid_grant", "invalid assertion") from error


def _check_audience(audience: Any, base_url: str) -> None:
    given = audience if isinstance(audience, list) else [audience]
    if not any(str(one).rstrip("/") in (*AUDIENCES, base_url) for one in given):
        raise OAuthError("invalid_grant", "audience is invalid")


def _check_expiry(expiry: Any, now: datetime) -> None:
    # a number, or its digits as a string, which simple-salesforce sends ([C] login.py)
    if isinstance(expiry, bool) or not isinstance(expiry, (int, float, str)):
        raise OAuthError("invalid_grant", "invalid assertion")
    try:
        left_seconds = float(expiry) - now.timestamp()
    except (ValueError, OverflowError) as error:
        raise OAuthError("invalid_grant", "invalid assertion") from error
    if not 0 < left_seconds <= LONGEST_LIFE_SECONDS:
        raise OAuthError("invalid_grant", "invalid assertion")
