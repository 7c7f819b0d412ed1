"""Who may log in: the connected app, the integration user, and the record that a caller is handed.

Belongs here: values that are made from the org's id, so that they are the same for each start on the same
org. Not here: sessions (sessions.py), grants (oauth.py). Imports the standard library only.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

INTEGRATION_USERNAME = "integration@emulator.example"


@dataclass(frozen=True, kw_only=True, slots=True)
class EmulatorCredentials:
    """All that a client needs to reach the emulated org. Secrets stay out of the repr."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    username: str
    password: str = field(repr=False)
    security_token: str = field(repr=False)
    access_token: str = field(repr=False)

    def as_dict(self) -> dict[str, str]:
        """The keys of the JSON line that the foreground server prints."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectedApp:
    """A consumer: key, secret, and the PEM public key (or certificate's key) that signs its JWTs."""

    client_id: str
    client_secret: str = field(repr=False)
    jwt_public_key: str | None = field(default=None, repr=False)

    def has_secret(self, secret: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.client_secret.encode(), secret.encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginUser:
    """The user that logs in."""

    user_id: str
    username: str
    password: str = field(repr=False)
    security_token: str = field(repr=False)

    def has_password(self, given: str) -> bool:
        """True for the password with the security token behind it ([D] username-password flow)."""
        return hmac.compare_digest((self.password + self.security_token).encode(), given.encode())


def connected_app(org_id: str, jwt_public_key_path: Path | None = None) -> ConnectedApp:
    """The org's one connected app.

    Raises:
        OSError: the public key file can't be read.
    """
    key = None if jwt_public_key_path is None else jwt_public_key_path.read_text(encoding="ascii")
    return ConnectedApp(
        client_id="3MVG9.EmulatorLocalOnly." + _derived(org_id, "client_id"),
        client_secret="emulator-local-secret-" + _derived(org_id, "client_secret"),
        jwt_public_key=key,
    )


def login_user(org_id: str, user_id: str) -> LoginUser:
    """The seeded integration user with its password."""
    return LoginUser(
        user_id=user_id,
        username=INTEGRATION_USERNAME,
        password="emulator-local-password",
        security_token="LocalToken" + _derived(org_id, "security_token"),
    )


def _derived(org_id: str, purpose: str) -> str:
    return hashlib.sha256(f"{org_id[:15]}:{purpose}".encode()).hexdigest()[:16]
