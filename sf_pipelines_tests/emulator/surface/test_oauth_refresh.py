"""Refresh tokens that rotate, and the web server flow that hands them out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorError, EmulatorServer
from sf_pipelines_tests.emulator.surface.test_oauth import ask, client, works

CALLBACK = "http://localhost:1717/OauthRedirect"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def rotating() -> Iterator[EmulatorServer]:
    with EmulatorServer(rotates_refresh_tokens=True) as server:
        yield server


def authorize(server: EmulatorServer, **change: str) -> requests.Response:
    asked = {
        "response_type": "code",
        "client_id": server.credentials.client_id,
        "redirect_uri": CALLBACK,
        **change,
    }
    address = server.credentials.url + "/services/oauth2/authorize"
    return requests.get(address, params=asked, allow_redirects=False, timeout=10)


def told(response: requests.Response) -> dict[str, str]:
    """The query that the browser brings to the callback."""
    assert response.status_code == 302, response.text
    address = urlsplit(response.headers["Location"])
    return {name: values[0] for name, values in parse_qs(address.query).items()}


def exchange(server: EmulatorServer, code: str, **change: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    return ask(server, {**form, **client(server), **change})


def refresh(server: EmulatorServer, token: str) -> requests.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return ask(server, {**form, "client_id": server.credentials.client_id})


def test_a_code_is_exchanged_for_a_session_and_a_refresh_token(server: EmulatorServer) -> None:
    body = exchange(server, told(authorize(server))["code"]).json()

    assert works(server, body["access_token"])
    assert works(server, refresh(server, body["refresh_token"]).json()["access_token"])


def test_the_state_comes_back_beside_what_the_callback_has(server: EmulatorServer) -> None:
    answer = told(authorize(server, redirect_uri=CALLBACK + "?from=me", state="a b&c"))

    assert (answer["state"], answer["from"]) == ("a b&c", "me")


def test_a_code_is_good_once(server: EmulatorServer) -> None:
    code = told(authorize(server))["code"]
    exchange(server, code)

    assert exchange(server, code).json() == {
        "error": "invalid_grant",
        "error_description": "invalid authorization code",
    }


def test_a_code_ends_after_15_minutes(server: EmulatorServer, clock: Clock) -> None:
    code = told(authorize(server))["code"]
    clock.advance(15 * 60)

    assert exchange(server, code).json()["error_description"] == "expired authorization code"


@pytest.mark.parametrize(
    ("change", "error", "description"),
    [
        ({"redirect_uri": CALLBACK + "/x"}, "redirect_uri_mismatch", "redirect_uri must match configuration"),
        ({"client_secret": "guess"}, "invalid_client", "invalid client credentials"),
        ({"client_id": "someone"}, "invalid_client_id", "client identifier invalid"),
        ({"code": ""}, "invalid_request", "missing required parameter: code"),
    ],
)
def test_a_wrong_exchange_is_refused(
    server: EmulatorServer, change: dict[str, str], error: str, description: str
) -> None:
    response = exchange(server, **{"code": told(authorize(server))["code"], **change})

    assert response.status_code == 400
    assert response.json() == {"error": error, "error_description": description}


def test_a_public_client_proves_itself_by_pkce_alone(server: EmulatorServer) -> None:
    form = {
        "grant_type": "authorization_code",
        "redirect_uri": CALLBACK,
        "client_id": server.credentials.client_id,
    }

    def proven(verifier: dict[str, str], **challenge: str) -> requests.Response:
        return ask(server, {**form, "code": told(authorize(server, **challenge))["code"], **verifier})

    assert proven({"code_verifier": VERIFIER}, code_challenge=CHALLENGE).status_code == 200
    wrong = proven({"code_verifier": "x"}, code_challenge=CHALLENGE)
    missing = proven({}, code_challenge=CHALLENGE)
    assert wrong.json() == {"error": "invalid_grant", "error_description": "invalid code verifier"}
    assert missing.json()["error_description"] == "invalid code verifier"
    assert proven({}).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "redirect_uri",
    ["", "https://example.com/x", "javascript:alert(1)", "http://localhost@example.com/", "http://[/"],
)
def test_a_code_never_leaves_this_machine(server: EmulatorServer, redirect_uri: str) -> None:
    response = authorize(server, redirect_uri=redirect_uri)

    assert (response.status_code, response.json()["error"]) == (400, "redirect_uri_mismatch")


def test_an_unknown_client_is_not_redirected(server: EmulatorServer) -> None:
    assert authorize(server, client_id="someone").json()["error"] == "invalid_client_id"


def test_another_response_type_is_told_to_the_callback(server: EmulatorServer) -> None:
    assert told(authorize(server, response_type="token"))["error"] == "unsupported_response_type"


def test_a_refresh_token_stays_good_where_there_is_no_rotation(server: EmulatorServer) -> None:
    token = exchange(server, told(authorize(server))["code"]).json()["refresh_token"]

    assert ["refresh_token" in refresh(server, token).json() for _ in range(2)] == [False, False]


def test_with_rotation_each_refresh_token_is_good_once(rotating: EmulatorServer) -> None:
    first = exchange(rotating, told(authorize(rotating))["code"]).json()["refresh_token"]
    second = refresh(rotating, first).json()["refresh_token"]
    reused = refresh(rotating, first)

    assert reused.json() == {"error": "invalid_grant", "error_description": "expired access/refresh token"}
    assert "refresh_token" in refresh(rotating, second).json()


def test_a_revoked_refresh_token_is_dead(server: EmulatorServer) -> None:
    token = exchange(server, told(authorize(server))["code"]).json()["refresh_token"]
    address = server.credentials.url + "/services/oauth2/revoke"

    assert requests.get(address, params={"token": token}, timeout=10).status_code == 200
    assert refresh(server, token).json()["error"] == "invalid_grant"


def test_a_file_without_a_key_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("nothing")

    with pytest.raises(EmulatorError, match=r"neither a PEM certificate nor a PEM public key in .*key\.pem"):
        EmulatorServer(jwt_public_key_path=path).start()
