"""Who may log in: the connected app, the integration user, and the record that a caller is handed.

Belongs here: values that are made from the org's id, so that they are the same for each start on the same
org. Not here: sessions (sessions.py), grants (oauth.py). Imports cryptography.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate


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
    tls_url: str | None = None
    ca_file: str | None = None
    """A PEM file with the authority behind `tls_url`; it is deleted when the server stops."""
    pubsub_address: str | None = None
    """Host and port of the Pub/Sub API; by TLS with the same certificate where there is a `tls_url`."""

    def as_dict(self) -> dict[str, str]:
        """The keys of the JSON line that the foreground server prints, none for parts that are off."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectedApp:
    """A consumer: key, secret, and the PEM public key that checks its JWTs."""

    client_id: str
    client_secret: str = field(repr=False)
    jwt_public_key: str | None = field(default=None, repr=False)

    def has_secret(self, secret: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.client_secret.encode(), secret.encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginUser:
    """What the integration user logs in with; its name and the rest are in its row (user_profile.py)."""

    password: str = field(repr=False)
    security_token: str = field(repr=False)

    def has_password(self, given: str) -> bool:
        """True for the password with the security token behind it ([D] username-password flow)."""
        return hmac.compare_digest((self.password + self.security_token).encode(), given.encode())


def connected_app(org_id: str, jwt_public_key_path: Path | None = None) -> ConnectedApp:
    """The org's one connected app.

    Args:
        org_id: makes key and secret.
        jwt_public_key_path: PEM file with the certificate or public key that checks JWT bearer assertions.

    Raises:
        OSError: the file can't be read.
        ValueError: there is neither a certificate nor a public key in it.
    """
    key = None if jwt_public_key_path is None else _public_key(jwt_public_key_path.read_bytes())
    return ConnectedApp(
        client_id="3MVG9.EmulatorLocalOnly." + _derived(org_id, "client_id"),
        client_secret="emulator-local-secret-" + _derived(org_id, "client_secret"),
        jwt_public_key=key,
    )


def login_user(org_id: str) -> LoginUser:
    """The seeded integration user's password and security token."""
    return LoginUser(
        password="emulator-local-password",
        security_token="LocalToken" + _derived(org_id, "security_token"),
    )


def _public_key(pem: bytes) -> str:
    """The PEM public key of a PEM certificate (what Salesforce wants to be given) or of a bare key."""
    if b"BEGIN CERTIFICATE" in pem:
        key = load_pem_x509_certificate(pem).public_key()
    else:
        key = load_pem_public_key(pem)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def _derived(org_id: str, purpose: str) -> str:
    return hashlib.sha256(f"{org_id[:15]}:{purpose}".encode()).hexdigest()[:16]
