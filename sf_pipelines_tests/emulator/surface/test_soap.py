from __future__ import annotations

import gzip
import re
from xml.sax.saxutils import escape

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of

ENVELOPE = """<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/">
<se:Header>{header}</se:Header><se:Body>{body}</se:Body></se:Envelope>"""
PARTNER = "urn:partner.soap.sforce.com"


def send(
    server: EmulatorServer, content: str | bytes, path: str = "/services/Soap/u/62.0"
) -> requests.Response:
    headers = {"Content-Type": "text/xml", "SOAPAction": '""'}
    return requests.post(server.credentials.url + path, data=content, headers=headers, timeout=10)


def login(server: EmulatorServer, *, urn: str = PARTNER, username: str = "", password: str = "") -> str:
    given = server.credentials
    username = username or given.username
    password = password or given.password + given.security_token
    body = (
        f'<n:login xmlns:n="{urn}"><n:username>{escape(username)}</n:username>'
        f"<n:password>{escape(password)}</n:password></n:login>"
    )
    return ENVELOPE.format(header="", body=body)


def call(name: str, session_id: str) -> str:
    header = f'<SessionHeader xmlns="{PARTNER}"><sessionId>{escape(session_id)}</sessionId></SessionHeader>'
    return ENVELOPE.format(header=header, body=f'<{name} xmlns="{PARTNER}"/>')


def readable(response: requests.Response) -> str:
    """One element per line, the random part of a session id masked."""
    text = re.sub(r"(<sessionId>[^!]+!)[^<]+", r"\1secret", response.text)
    return re.sub(r">(?=<)", ">\n", text) + "\n"


def value(response: requests.Response, name: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", response.text)
    assert found is not None, response.text
    return found[1]


def test_a_login_answers_with_session_user_and_org(server: EmulatorServer) -> None:
    response = send(server, login(server))

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/xml;charset=UTF-8"
    assert_golden("soap_login.xml", readable(response))


def test_the_session_of_a_login_is_good_for_rest(server: EmulatorServer) -> None:
    token = value(send(server, login(server)), "sessionId")

    assert Caller(server.credentials.url, token, server.surface).get("/limits").status_code == 200


def test_a_login_is_not_metered(caller: Caller, server: EmulatorServer) -> None:
    send(server, login(server))

    assert caller.get("/limits").json()["DailyApiRequests"]["Remaining"] == 99_999


def test_the_username_is_compared_without_case(server: EmulatorServer) -> None:
    assert send(server, login(server, username=server.credentials.username.upper())).status_code == 200


def test_the_enterprise_api_speaks_its_own_namespace(server: EmulatorServer) -> None:
    enterprise = "/services/Soap/c/62.0"
    taken = send(server, login(server, urn="urn:enterprise.soap.sforce.com"), enterprise)
    refused = send(server, login(server), enterprise)

    assert value(taken, "serverUrl").startswith(server.credentials.url + enterprise)
    assert refused.status_code == 500
    assert value(refused, "faultstring").startswith("No operation available for request {urn:partner")


@pytest.mark.parametrize("change", [{"password": "guess"}, {"username": "nobody@example.com"}])
def test_a_wrong_login_is_a_fault_that_does_not_tell_what_was_wrong(
    server: EmulatorServer, change: dict[str, str]
) -> None:
    response = send(server, login(server, **change))

    assert response.status_code == 500
    assert_golden("soap_invalid_login.xml", readable(response))


def test_an_inactive_user_is_refused_by_both_doors(server: EmulatorServer) -> None:
    org, given = server.surface.org, server.credentials
    org.update("User", [{"Id": org.user_id, "IsActive": False}])
    form = {"grant_type": "client_credentials", "client_id": given.client_id}
    form["client_secret"] = given.client_secret
    token = requests.post(given.url + "/services/oauth2/token", data=form, timeout=10)

    assert value(send(server, login(server)), "sf:exceptionCode") == "INVALID_LOGIN"
    assert (token.status_code, token.json()["error"]) == (400, "inactive_user")


@pytest.mark.parametrize(
    ("version", "status", "fault"),
    [
        ("58.0", 200, ""),
        ("64.0", 200, ""),
        ("64", 200, ""),
        ("65.0", 500, "soapenv:Client"),
        ("66.0", 500, "soapenv:Client"),
        ("30.0", 500, "UNSUPPORTED_API_VERSION"),
        ("57.0", 500, "UNSUPPORTED_API_VERSION"),
        ("99.0", 500, "UNSUPPORTED_API_VERSION"),
        ("x", 500, "UNSUPPORTED_API_VERSION"),
    ],
)
def test_only_versions_before_65_have_a_login(
    server: EmulatorServer, version: str, status: int, fault: str
) -> None:
    response = send(server, login(server), f"/services/Soap/u/{version}")

    assert response.status_code == status
    assert not fault or value(response, "faultcode") == fault


def test_the_server_url_of_a_login_can_be_called(server: EmulatorServer, clock: Clock) -> None:
    first = send(server, login(server))
    path = value(first, "serverUrl").removeprefix(server.credentials.url)
    session_id = value(first, "sessionId")

    user = send(server, call("getUserInfo", session_id), path)
    time = send(server, call("getServerTimestamp", session_id), path)

    assert value(user, "userName") == server.credentials.username
    assert value(time, "timestamp") == clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_calls_with_a_session_are_metered(server: EmulatorServer) -> None:
    server.surface.limits.put("DailyApiRequests", used=100_000)
    session_id = value(send(server, login(server)), "sessionId")

    refused = send(server, call("getUserInfo", session_id))

    assert value(refused, "sf:exceptionCode") == "REQUEST_LIMIT_EXCEEDED"


def test_a_logout_ends_the_session(server: EmulatorServer) -> None:
    session_id = value(send(server, login(server)), "sessionId")

    ended = send(server, call("logout", session_id))
    again = send(server, call("logout", session_id))

    assert ended.status_code == 200
    assert_golden("soap_logout.xml", readable(ended))
    assert again.status_code == 500
    assert_golden("soap_invalid_session.xml", readable(again))


def test_a_session_of_a_login_lives_as_long_as_it_says(server: EmulatorServer, clock: Clock) -> None:
    response = send(server, login(server))
    clock.advance(int(value(response, "sessionSecondsValid")))

    ended = send(server, call("getUserInfo", value(response, "sessionId")))

    assert value(ended, "sf:exceptionCode") == "INVALID_SESSION_ID"


def test_a_call_that_is_not_emulated_is_refused_by_name(server: EmulatorServer) -> None:
    session_id = value(send(server, login(server)), "sessionId")
    response = send(server, call("describeGlobal", session_id))

    assert response.status_code == 500
    assert_golden("soap_no_operation.xml", readable(response))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not xml",
        b"<a/>",
        ENVELOPE.format(header="", body=""),
        '<!DOCTYPE a [<!ENTITY b "c">]>' + ENVELOPE.format(header="", body="<a>&b;</a>"),
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
    ],
)
def test_what_is_no_call_is_a_fault(server: EmulatorServer, content: str | bytes) -> None:
    response = send(server, content)

    assert (response.status_code, value(response, "faultcode")) == (500, "soapenv:Client")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1))
def test_any_password_gets_a_well_formed_refusal(server: EmulatorServer, name: str) -> None:
    response = send(server, login(server, password=name).encode())

    assert value(response, "sf:exceptionCode") == "INVALID_LOGIN"


def test_only_a_post_is_taken(server: EmulatorServer) -> None:
    response = requests.get(server.credentials.url + "/services/Soap/u/62.0", timeout=10)

    assert (response.status_code, value(response, "faultcode")) == (405, "soapenv:Client")


def test_a_compressed_envelope_is_read_and_a_broken_one_is_a_fault(server: EmulatorServer) -> None:
    packed, address = gzip.compress(login(server).encode()), f"{server.credentials.url}/services/Soap/u/62.0"
    headers = {"Content-Type": "text/xml", "Content-Encoding": "gzip"}
    whole, cut = (
        requests.post(address, data=content, headers=headers, timeout=10) for content in (packed, packed[:-9])
    )

    assert whole.status_code == 200
    assert (cut.status_code, value(cut, "faultcode")) == (500, "soapenv:Client")


def test_other_soap_apis_are_not_there(server: EmulatorServer) -> None:
    assert error_of(send(server, "", "/services/Soap/m/62.0"))[0] == 404
