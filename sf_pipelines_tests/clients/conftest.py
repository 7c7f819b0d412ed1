from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from simple_salesforce.api import Salesforce

from sf_pipelines.emulator.control.resetting import reset_org
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.clients.peer import MY_DOMAIN, VERSION, ControlPlane, LoginAddress

SCHEMA = Path(__file__).parent / "schema.yaml"


@dataclass(frozen=True)
class Signer:
    """The key behind the certificate that the org knows."""

    private_key_pem: str
    certificate_path: Path


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path_factory.mktemp("signer") / "certificate.pem"
    path.write_bytes(_self_signed(key).public_bytes(Encoding.PEM))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Signer(pem, path)


@pytest.fixture(scope="session")
def running_org(signer: Signer) -> Iterator[EmulatorServer]:
    with EmulatorServer(
        tls_port=0,
        pubsub_port=0,
        schema_path=SCHEMA,
        jwt_public_key_path=signer.certificate_path,
    ) as server:
        yield server


@pytest.fixture
def org(running_org: EmulatorServer) -> Iterator[EmulatorServer]:
    """An empty org on both ports, whose clock a scenario may move."""
    reset_org(running_org.surface)
    yield running_org
    running_org.surface.org.clock.set(datetime.now(UTC))


@pytest.fixture
def session(org: EmulatorServer) -> requests.Session:
    """A session that trusts the emulator and knows its login addresses."""
    session = requests.Session()
    session.trust_env = False
    session.verify = org.credentials.ca_file or False
    for domain in ("login", MY_DOMAIN):
        session.mount(f"https://{domain}.salesforce.com", LoginAddress(str(org.credentials.tls_url)))
    return session


@pytest.fixture
def client(org: EmulatorServer, session: requests.Session) -> Salesforce:
    given = org.credentials
    token = org.surface.oauth.open_session().token
    return Salesforce(instance_url=given.tls_url, session_id=token, session=session, version=VERSION)


@pytest.fixture
def control(org: EmulatorServer, session: requests.Session) -> ControlPlane:
    return ControlPlane(str(org.credentials.tls_url), session)


def _self_signed(key: RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, SHA256())
