from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sf_pipelines.emulator.server import EmulatorError, EmulatorServer
from sf_pipelines_tests.emulator.surface.support import Caller


@pytest.fixture(scope="module")
def both() -> Iterator[EmulatorServer]:
    """One org on both kinds of port."""
    with EmulatorServer(tls_port=0) as server:
        yield server


def named(server: EmulatorServer, host: str) -> str:
    return str(server.credentials.tls_url).replace("127.0.0.1", host)


def callers(server: EmulatorServer) -> tuple[Caller, Caller]:
    given = server.credentials
    return caller_at(server, given.url), caller_at(server, str(given.tls_url))


def caller_at(server: EmulatorServer, url: str) -> Caller:
    """A caller that trusts the emulator's authority, whatever bundle the environment names."""
    caller = Caller(url, server.credentials.access_token, server.surface)
    caller.http.trust_env = False
    caller.http.verify = str(server.credentials.ca_file)
    return caller


def test_both_ports_serve_one_org(both: EmulatorServer) -> None:
    plain, encrypted = callers(both)

    id_ = encrypted.create("Account", Name="One")

    assert plain.get(f"/sobjects/Account/{id_}").json()["Name"] == "One"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_authority_vouches_for_each_name(both: EmulatorServer, host: str) -> None:
    response = requests.get(
        named(both, host) + "/services/data", verify=str(both.credentials.ca_file), timeout=10
    )

    assert response.status_code == 200


def test_a_client_that_does_not_know_the_authority_refuses(both: EmulatorServer) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(str(both.credentials.tls_url), timeout=10)


def test_another_server_can_stand_for_the_same_org(both: EmulatorServer) -> None:
    certificate = both.certificate
    trusting = ssl.create_default_context(cafile=str(certificate.ca_file))
    incoming, outgoing, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client = trusting.wrap_bio(incoming, outgoing, server_hostname="::1")
    server = certificate.server_context().wrap_bio(server_in, server_out, server_side=True)
    for _ in range(4):
        _step(client)
        server_in.write(outgoing.read())
        _step(server)
        incoming.write(server_out.read())

    assert client.version() == "TLSv1.3"
    assert certificate.chain_pem.startswith(b"-----BEGIN CERTIFICATE")
    assert b"PRIVATE KEY" in certificate.private_key_pem


def test_the_file_holds_no_key_and_goes_away_with_the_server() -> None:
    with EmulatorServer(tls_port=0) as server:
        path = Path(str(server.credentials.ca_file))
        content = path.read_text()

    assert "PRIVATE KEY" not in content
    assert not path.exists()


def test_without_a_tls_port_there_is_no_certificate() -> None:
    with EmulatorServer() as server:
        assert "tls_url" not in server.credentials.as_dict()
        with pytest.raises(EmulatorError, match="start it with a tls_port"):
            _ = server.certificate


def test_a_tls_port_in_use_is_one_sentence(both: EmulatorServer) -> None:
    port = int(str(both.credentials.tls_url).rpartition(":")[2])

    with pytest.raises(EmulatorError, match=f"Port {port} can't be used"):
        EmulatorServer(tls_port=port).start()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_absolute_url_is_the_address_that_the_client_called(
    both: EmulatorServer, scheme: str, host: str
) -> None:
    given = both.credentials
    url = (given.url if scheme == "http" else str(given.tls_url)).replace("127.0.0.1", host)
    caller = caller_at(both, url)
    form = {"grant_type": "client_credentials", "client_id": given.client_id}
    token = caller.http.post(
        url + "/services/oauth2/token", data={**form, "client_secret": given.client_secret}, timeout=10
    ).json()
    answers: list[Any] = [
        token,
        caller.get("/").json(),
        caller.get(token["id"]).json(),
        caller.get(url + "/services/oauth2/userinfo").json(),
    ]

    told = [text for text in _texts(answers) if text.startswith("http")]

    assert token["instance_url"] == url
    assert len(told) > 30
    assert [text for text in told if not (text + "/").startswith(url + "/")] == []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _step(side: ssl.SSLObject) -> None:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return


def test_the_json_line_has_the_keys_of_tls_beside_the_others(both: EmulatorServer) -> None:
    with EmulatorServer() as plain:
        usual = list(plain.credentials.as_dict())

    assert list(json.loads(json.dumps(both.credentials.as_dict()))) == [*usual, "tls_url", "ca_file"]
