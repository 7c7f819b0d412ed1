from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.surface.support import Caller, error_of

NOW = datetime(2026, 2, 1, 10, tzinfo=UTC)
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def ask(server: EmulatorServer, form: dict[str, str], **options: Any) -> requests.Response:
    return requests.post(server.credentials.url + "/services/oauth2/token", data=form, timeout=10, **options)


def client(server: EmulatorServer) -> dict[str, str]:
    given = server.credentials
    return {"client_id": given.client_id, "client_secret": given.client_secret}


def works(server: EmulatorServer, token: str) -> bool:
    address = server.credentials.url + "/services/data/v66.0/limits"
    return requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=10).ok


def test_client_credentials_earn_a_token_without_expires_in(server: EmulatorServer) -> None:
    body = ask(server, {"grant_type": "client_credentials", **client(server)}).json()

    assert set(body) == {
        "access_token",
        "signature",
        "scope",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
    }
    assert body["instance_url"] == server.credentials.url
    assert body["access_token"].startswith(server.surface.org.org_id[:15] + "!")
    assert body["id"].split("/")[-2:] == [server.surface.org.org_id, server.surface.org.user_id]
    assert works(server, body["access_token"])


def test_the_secret_may_come_by_http_basic(server: EmulatorServer) -> None:
    given = server.credentials
    response = ask(server, {"grant_type": "client_credentials"}, auth=(given.client_id, given.client_secret))

    assert response.status_code == 200


def test_the_password_needs_the_security_token_behind_it(server: EmulatorServer) -> None:
    given = server.credentials
    form = {"grant_type": "password", **client(server), "username": given.username}

    refused = ask(server, {**form, "password": given.password})
    taken = ask(server, {**form, "password": given.password + given.security_token})

    assert refused.status_code == 400
    assert refused.json() == {"error": "invalid_grant", "error_description": "authentication failure"}
    assert works(server, taken.json()["access_token"])


def test_a_refresh_token_opens_another_session(server: EmulatorServer) -> None:
    given = server.credentials
    password = given.password + given.security_token
    form = {"grant_type": "password", "username": given.username, "password": password}
    first = ask(server, form | client(server)).json()

    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    again = ask(server, {**form, "client_id": given.client_id}).json()

    assert again["access_token"] != first["access_token"]
    assert works(server, again["access_token"])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "device"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"client_id": "someone"}, "invalid_client_id"),
        ({"client_secret": "guess"}, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "old"}, "invalid_grant"),
    ],
)
def test_a_wrong_form_gets_its_own_oauth_error(
    server: EmulatorServer, change: dict[str, str], error: str
) -> None:
    response = ask(server, {"grant_type": "client_credentials", **client(server), **change})

    assert response.status_code == 400
    assert response.json()["error"] == error
    assert set(response.json()) == {"error", "error_description"}


def test_a_session_ends_on_the_orgs_clock(caller: Caller, clock: Clock) -> None:
    clock.advance(2 * 60 * 60 - 1)
    assert caller.get("/limits").status_code == 200

    clock.advance(1)
    ended = caller.get("/limits")

    assert error_of(ended) == (401, "INVALID_SESSION_ID", "Session expired or invalid")
    assert "Sforce-Limit-Info" not in ended.headers


def test_a_call_without_a_session_is_refused_before_its_path_is_looked_at(server: EmulatorServer) -> None:
    response = requests.get(server.credentials.url + "/services/data/v66.0/nowhere", timeout=10)

    assert error_of(response)[:2] == (401, "INVALID_SESSION_ID")


def test_the_word_oauth_is_as_good_as_bearer(caller: Caller) -> None:
    token = str(caller.http.headers["Authorization"]).removeprefix("Bearer ")

    assert caller.get("/limits", headers={"Authorization": f"OAuth {token}"}).status_code == 200


def test_a_revoked_token_is_dead(caller: Caller) -> None:
    token = str(caller.http.headers["Authorization"]).removeprefix("Bearer ")
    address = caller.url + "/services/oauth2/revoke"

    assert requests.post(address, data={"token": token}, timeout=10).status_code == 200
    assert caller.get("/limits").status_code == 401
    assert requests.post(address, data={"token": token}, timeout=10).json()["error"] == "invalid_token"


@pytest.fixture(scope="module")
def signing_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def jwt_server(signing_key: RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("keys") / "public.pem"
    public_key = signing_key.public_key()
    path.write_bytes(public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with EmulatorServer(clock=Clock(NOW, frozen=True), jwt_public_key_path=path) as server:
        yield server


def assertion(server: EmulatorServer, key: RSAPrivateKey, **change: Any) -> str:
    claims = {
        "iss": server.credentials.client_id,
        "sub": server.credentials.username,
        "aud": "https://login.salesforce.com",
        "exp": NOW + timedelta(minutes=3),
    }
    return jwt.encode({**claims, **change}, key, algorithm="RS256")


def test_a_signed_assertion_earns_a_token(jwt_server: EmulatorServer, signing_key: RSAPrivateKey) -> None:
    form = {"grant_type": JWT_GRANT, "assertion": assertion(jwt_server, signing_key)}
    body = ask(jwt_server, form).json()

    assert "refresh_token" not in body
    assert works(jwt_server, body["access_token"])


def test_the_expiry_may_be_digits_in_a_string(jwt_server: EmulatorServer, signing_key: RSAPrivateKey) -> None:
    expiry = str(int((NOW + timedelta(minutes=3)).timestamp()))
    form = {"grant_type": JWT_GRANT, "assertion": assertion(jwt_server, signing_key, exp=expiry)}

    assert ask(jwt_server, form).status_code == 200


@pytest.mark.parametrize(
    ("change", "error", "description"),
    [
        ({"iss": "someone"}, "invalid_client_id", "client identifier invalid"),
        ({"sub": "nobody@example.com"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"aud": "https://example.com"}, "invalid_grant", "audience is invalid"),
        ({"exp": NOW - timedelta(seconds=1)}, "invalid_grant", "invalid assertion"),
        ({"exp": NOW + timedelta(minutes=10)}, "invalid_grant", "invalid assertion"),
        ({"exp": "soon"}, "invalid_grant", "invalid assertion"),
        ({"exp": True}, "invalid_grant", "invalid assertion"),
    ],
)
def test_a_wrong_claim_is_refused(
    jwt_server: EmulatorServer,
    signing_key: RSAPrivateKey,
    change: dict[str, Any],
    error: str,
    description: str,
) -> None:
    form = {"grant_type": JWT_GRANT, "assertion": assertion(jwt_server, signing_key, **change)}

    assert ask(jwt_server, form).json() == {"error": error, "error_description": description}


def test_an_assertion_of_another_key_is_refused(jwt_server: EmulatorServer) -> None:
    other = generate_private_key(public_exponent=65537, key_size=2048)
    response = ask(jwt_server, {"grant_type": JWT_GRANT, "assertion": assertion(jwt_server, other)})

    assert response.json()["error_description"] == "invalid assertion"


def test_bytes_that_are_no_jwt_are_refused(jwt_server: EmulatorServer) -> None:
    response = ask(jwt_server, {"grant_type": JWT_GRANT, "assertion": "a.b.c"})

    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
