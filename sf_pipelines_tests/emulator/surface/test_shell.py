from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of


def test_the_versions_need_no_session_and_are_not_metered(server: EmulatorServer) -> None:
    response = requests.get(server.credentials.url + "/services/data/", timeout=10)

    assert "Sforce-Limit-Info" not in response.headers
    assert_golden("versions.json", response.json())


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [
        ("v30.0", 410, "GONE"),
        ("v57.0", 404, "NOT_FOUND"),
        ("v99.0", 404, "NOT_FOUND"),
        ("v66", 404, "NOT_FOUND"),
        ("66.0", 404, "NOT_FOUND"),
    ],
)
def test_a_version_that_is_not_served_is_told(caller: Caller, version: str, status: int, code: str) -> None:
    response = caller.get(f"{caller.url}/services/data/{version}/limits")

    assert error_of(response)[:2] == (status, code)


@pytest.mark.parametrize("number", range(58, 67))
def test_each_listed_version_answers(caller: Caller, number: int) -> None:
    assert caller.get(f"{caller.url}/services/data/v{number}.0/").status_code == 200


def test_every_metered_answer_tells_the_use_also_an_error(caller: Caller) -> None:
    answers = [caller.get("/limits"), caller.get("/nowhere"), caller.post("/sobjects/Account", {})]

    used = [answer.headers["Sforce-Limit-Info"] for answer in answers]
    assert used == [f"api-usage={n}/100000" for n in (1, 2, 3)]


def test_the_limits_body_counts_its_own_call(caller: Caller) -> None:
    assert caller.get("/limits").json()["DailyApiRequests"] == {"Max": 100_000, "Remaining": 99_999}


def test_a_spent_allocation_refuses_until_the_window_has_rolled_on(caller: Caller, clock: Clock) -> None:
    caller.surface.limits.put("DailyApiRequests", used=100_000)

    refused = caller.get("/limits")
    clock.advance(24 * 60 * 60)
    caller.http.headers["Authorization"] = f"Bearer {caller.surface.oauth.open_session().token}"

    expected = (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    assert error_of(refused) == expected
    assert refused.headers["Sforce-Limit-Info"] == "api-usage=100000/100000"
    assert caller.get("/limits").status_code == 200


def test_the_date_header_is_the_orgs_time(caller: Caller, clock: Clock) -> None:
    clock.advance(3600)

    dates = caller.get("/limits").raw.headers.getlist("Date")

    assert [parsedate_to_datetime(date) for date in dates] == [clock.now()]


def test_a_long_answer_is_compressed_on_request(caller: Caller) -> None:
    path = "/sobjects/Account/describe"

    packed = caller.get(path, headers={"Accept-Encoding": "gzip"})
    plain = caller.get(path, headers={"Accept-Encoding": "identity"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json()


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate, gzip", "gzip"),
        ("deflate", "deflate"),
        ("GZIP;q=0, deflate;q=0.5", "deflate"),
        ("gzip; q=0.0", None),
        ("br", None),
        ("", None),
    ],
)
def test_the_client_chooses_how_the_answer_is_packed(
    caller: Caller, accepted: str, encoding: str | None
) -> None:
    response = caller.get("/sobjects/Account/describe", headers={"Accept-Encoding": accepted})

    assert response.headers.get("Content-Encoding") == encoding
    assert response.json()["name"] == "Account"


def _raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", _raw_deflate)]
)
def test_a_compressed_request_is_read(caller: Caller, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    body = pack(json.dumps({"Name": "a"}).encode())

    assert caller.post("/sobjects/Account", data=body, headers=headers).status_code == 201
    broken = caller.post("/sobjects/Account", data=body[:-2], headers=headers)
    assert error_of(broken)[:2] == (400, "JSON_PARSER_ERROR")


def test_a_packed_body_counts_by_its_unpacked_size(caller: Caller) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    body = gzip.compress(b'{"Name":"' + b"x" * 52_428_800 + b'"}')

    response = caller.post("/sobjects/Account", data=body, headers=headers)

    assert error_of(response)[:2] == (413, "REQUEST_TOO_LARGE")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The HTTP entity body is required, but this request has no entity body."),
        (b'{"Name": ', "Unexpected end-of-input at [line:1, column:10]"),
        (
            b'{"Name": Acme}',
            "Unrecognized token 'Acme': was expecting ('true', 'false' or 'null') at [line:1, column:10]",
        ),
        (
            b'{\n"Name": ?}',
            "Unexpected character ('?' (code 63)): expected a valid value (number, String, array, object, "
            "'true', 'false' or 'null') at [line:2, column:9]",
        ),
        (
            b"[]",
            "Cannot deserialize instance of object from START_ARRAY value [ "
            "or request may be missing a required field at [line:1, column:1]",
        ),
    ],
)
def test_a_body_that_is_no_json_object_is_told_as_salesforces_parser_tells_it(
    caller: Caller, body: bytes, message: str
) -> None:
    response = caller.post("/sobjects/Account", data=body, headers={"Content-Type": "application/json"})

    assert error_of(response) == (400, "JSON_PARSER_ERROR", message)


@pytest.mark.parametrize(
    ("accepted", "status"),
    [
        ("application/xml", 406),
        ("text/xml", 406),
        ("application/xml, application/json;q=0.5", 200),
        ("application/xml, */*;q=0.1", 200),
        ("application/json", 200),
        ("*/*", 200),
    ],
)
def test_a_caller_who_takes_xml_only_is_refused(caller: Caller, accepted: str, status: int) -> None:
    response = caller.get("/limits", headers={"Accept": accepted})

    assert response.status_code == status
    assert "Sforce-Limit-Info" in response.headers
    if status == 406:
        assert response.json()[0]["errorCode"] == "NOT_ACCEPTABLE"


def test_an_xml_body_is_refused(caller: Caller) -> None:
    headers = {"Content-Type": "application/xml"}
    response = caller.post("/sobjects/Account", data=b"<Account/>", headers=headers)

    assert error_of(response)[:2] == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_an_answer_is_indented_on_request(caller: Caller) -> None:
    pretty = caller.get("/limits", headers={"X-PrettyPrint": "1"})

    assert pretty.text.startswith('{\n  "')
    assert "\n" not in caller.get("/limits").text


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {"Content-Type": "application/json"}, 400, "JSON_PARSER_ERROR"),
        (b"", {"Content-Type": "application/json"}, 400, "JSON_PARSER_ERROR"),
        (b"[]", {"Content-Type": "application/json"}, 400, "JSON_PARSER_ERROR"),
        (b'{"Name": "\xff"}', {"Content-Type": "application/json"}, 400, "JSON_PARSER_ERROR"),
        (b"[" * 5000, {"Content-Type": "application/json"}, 400, "JSON_PARSER_ERROR"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", {}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", {"Content-Type": "application/json; charset=utf-16"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            b"{}",
            {"Content-Type": "application/json", "Content-Encoding": "br"},
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (b"{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 400, "JSON_PARSER_ERROR"),
    ],
)
def test_a_body_that_cannot_be_read_is_told(
    caller: Caller, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    response = caller.post("/sobjects/Account", data=body, headers=headers)

    assert error_of(response)[:2] == (status, code)


def test_a_body_past_fifty_megabytes_is_refused(caller: Caller) -> None:
    headers = {"Content-Type": "application/json"}
    body = b'{"Name":"' + b"x" * 52_428_800 + b'"}'

    response = caller.post("/sobjects/Account", data=body, headers=headers)

    assert error_of(response)[:2] == (413, "REQUEST_TOO_LARGE")


def test_an_over_long_uri_is_refused(caller: Caller) -> None:
    assert caller.get("/query?q=" + "x" * 17_000).status_code == 414
    assert caller.get("/limits", headers={"X-Long": "x" * 17_000}).status_code == 431


@pytest.mark.parametrize("path", ["/", "/services", "/services/oauth2/nope", "/emulator/nope"])
def test_a_path_outside_every_api_is_not_found(server: EmulatorServer, path: str) -> None:
    assert error_of(requests.get(server.credentials.url + path, timeout=10))[:2] == (404, "NOT_FOUND")


def test_a_wrong_method_names_those_that_are_allowed(caller: Caller) -> None:
    message = "HTTP Method 'DELETE' not allowed. Allowed are HEAD,GET"

    assert error_of(caller.delete("/limits")) == (405, "METHOD_NOT_ALLOWED", message)


def test_a_head_has_the_headers_of_a_get(caller: Caller) -> None:
    response = caller.http.head(caller.data + "/limits", timeout=10)

    assert (response.status_code, response.content) == (200, b"")


def test_the_resource_map_and_the_describes_answer(caller: Caller) -> None:
    resources = caller.get("/").json()
    assert resources["sobjects"] == "/services/data/v66.0/sobjects"
    assert {"Account", "Contact"} <= {one["name"] for one in caller.get("/sobjects/").json()["sobjects"]}
    assert caller.get("/sobjects/Account").json()["objectDescribe"]["keyPrefix"] == "001"
    fields = {field["name"] for field in caller.get("/sobjects/Account/describe").json()["fields"]}
    assert "External_Id__c" in fields
    assert caller.get("/sobjects/Nope/describe").status_code == 404


@settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(noise=st.binary(min_size=1, max_size=300))
def test_no_bytes_on_the_socket_stop_the_server(server: EmulatorServer, noise: bytes) -> None:
    host, port = server.credentials.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(noise)
        raw.shutdown(socket.SHUT_WR)
        assert b" 500 " not in raw.recv(200)

    assert requests.get(server.credentials.url + "/services/data/", timeout=10).status_code == 200
