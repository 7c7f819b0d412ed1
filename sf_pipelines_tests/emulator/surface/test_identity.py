"""What a token says of itself and of its user: token body, identity URL, userinfo, introspection."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden
from sf_pipelines_tests.emulator.surface.test_oauth import ask, client


def token_of(server: EmulatorServer) -> dict[str, Any]:
    return ask(server, {"grant_type": "client_credentials", **client(server)}).json()


def introspect(server: EmulatorServer, token: str, **change: str) -> requests.Response:
    form = {"token": token, **client(server), **change}
    return requests.post(server.credentials.url + "/services/oauth2/introspect", data=form, timeout=10)


def test_the_token_body_keeps_its_shape(server: EmulatorServer) -> None:
    body = token_of(server)
    body["access_token"] = re.sub("!.*", "!secret", body["access_token"])
    body["signature"] = re.sub("[A-Za-z0-9+/]{43}=", "base64 of 32 bytes", body["signature"])

    assert_golden("token.json", body)


def test_the_identity_url_keeps_its_shape(server: EmulatorServer, caller: Caller) -> None:
    assert_golden("identity.json", caller.get(token_of(server)["id"]).json())


def test_userinfo_keeps_its_shape(caller: Caller) -> None:
    assert_golden("userinfo.json", caller.get(caller.url + "/services/oauth2/userinfo").json())


@pytest.mark.parametrize(("asked", "told"), [("62.0", "62.0"), ("latest", "66.0")])
def test_the_identity_url_fills_in_the_version(
    server: EmulatorServer, caller: Caller, asked: str, told: str
) -> None:
    body = caller.get(token_of(server)["id"], params={"version": asked}).json()

    assert body["urls"]["rest"] == f"{caller.url}/services/data/v{told}/"


def test_the_identity_is_the_row_of_the_user_as_it_is_now(server: EmulatorServer, caller: Caller) -> None:
    change = {"FirstName": "Ada", "LastName": "Byron", "TimeZoneSidKey": "Europe/Berlin"}
    caller.patch(f"/sobjects/User/{server.surface.org.user_id}", change)

    body = caller.get(token_of(server)["id"]).json()

    assert (body["display_name"], body["timezone"]) == ("Ada Byron", "Europe/Berlin")
    assert body["utcOffset"] == 3_600_000


def test_the_token_may_come_in_the_query(server: EmulatorServer) -> None:
    token = token_of(server)

    assert requests.get(token["id"], params={"oauth_token": token["access_token"]}, timeout=10).ok


def test_the_ids_of_the_identity_url_may_have_15_characters(server: EmulatorServer, caller: Caller) -> None:
    org = server.surface.org

    assert caller.get(f"{caller.url}/id/{org.org_id[:15]}/{org.user_id[:15]}").ok


def test_the_identity_url_refuses_in_plain_text(server: EmulatorServer, caller: Caller) -> None:
    org, url = server.surface.org, caller.url
    own = f"{url}/id/{org.org_id}/{org.user_id}"

    def told(response: requests.Response) -> tuple[int, str]:
        return response.status_code, response.text

    assert told(requests.get(own, timeout=10)) == (403, "Missing_OAuth_Token")
    assert told(requests.get(own, params={"oauth_token": "x"}, timeout=10)) == (403, "Bad_OAuth_Token")
    assert told(caller.get(f"{url}/id/00Dxx0000000009EAA/{org.user_id}")) == (403, "Wrong_Org")
    assert told(caller.get(f"{url}/id/{org.org_id}/005xx0000000009AAA")) == (404, "Bad_Id")
    assert told(caller.get(f"{url}/id/{org.org_id}")) == (404, "Bad_Id")
    assert told(caller.get(f"{url}/id/{org.org_id}/{org.user_id}/x")) == (404, "Bad_Id")
    assert told(caller.get(f"{url}/id/")) == (403, "Wrong_Org")


def test_a_host_header_that_is_no_host_breaks_nothing(server: EmulatorServer, caller: Caller) -> None:
    address = server.credentials.url
    odd = {"Host": "["}

    assert requests.get(token_of(server)["id"], headers=odd, timeout=10).status_code == 403
    assert requests.post(address + "/services/oauth2/token", headers=odd, timeout=10).status_code == 400
    assert requests.post(address + "/services/Soap/u/62.0", headers=odd, timeout=10).status_code == 500
    assert caller.get("/limits", headers=odd).status_code == 200


def test_introspection_tells_a_live_token_from_a_dead_one(server: EmulatorServer, clock: Clock) -> None:
    token = token_of(server)
    alive = introspect(server, token["access_token"]).json()
    clock.advance(alive["exp"] - alive["iat"])
    dead = introspect(server, token["access_token"]).json()

    assert_golden("introspection.json", alive)
    assert dead == {"active": False}


def test_introspection_needs_the_clients_secret(server: EmulatorServer) -> None:
    response = introspect(server, "x", client_secret="guess")

    assert (response.status_code, response.json()["error"]) == (400, "invalid_client")
