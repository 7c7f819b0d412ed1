from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sf_pipelines.emulator.control.resetting import reset_org
from sf_pipelines.emulator.server import EmulatorServer

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
        tls_port=0, schema_path=SCHEMA, jwt_public_key_path=signer.certificate_path
    ) as server:
        yield server


@pytest.fixture
def org(running_org: EmulatorServer) -> EmulatorServer:
    """An empty org on both ports."""
    reset_org(running_org.surface)
    return running_org


def _self_signed(key: RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, SHA256())
