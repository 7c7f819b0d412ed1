from __future__ import annotations

import gzip
import json
import socket
from email.utils import parsedate_to_datetime
from typing import Any

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


def test_a_compressed_request_is_read(caller: Caller) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    body = gzip.compress(json.dumps({"Name": "a"}).encode())

    assert caller.post("/sobjects/Account", data=body, headers=headers).status_code == 201


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


FUZZ = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PATHS = st.sampled_from(
    [
        "/query",
        "/query/{}",
        "/sobjects/{}",
        "/sobjects/Account",
        "/sobjects/Account/{}",
        "/sobjects/Account/External_Id__c/{}",
        "/composite",
        "/composite/sobjects",
        "/composite/sobjects/Account/External_Id__c",
        "/jobs/ingest",
        "/jobs/ingest/{}",
        "/jobs/query",
        "/jobs/query/{}/results",
    ]
)
KINDS = st.sampled_from(["application/json", "text/csv", "multipart/form-data; boundary=x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["records", "attributes", "type", "Name", "Id", "compositeRequest", "method", "url", "object"]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(FUZZ, max_examples=150)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE"]), path=PATHS, part=st.text(), body=JSON
)
def test_no_json_makes_the_server_fail(caller: Caller, method: str, path: str, part: str, body: Any) -> None:
    segment = requests.utils.quote(part, safe="")
    response = caller.http.request(
        method, caller.data + path.format(segment), params={"q": part}, json=body, timeout=10
    )

    assert response.status_code < 500, response.text


@settings(FUZZ, max_examples=100)
@given(
    path=PATHS,
    body=st.binary(max_size=200),
    kind=KINDS,
)
def test_no_bytes_make_the_server_fail(caller: Caller, path: str, body: bytes, kind: str) -> None:
    address = caller.data + path.format(requests.utils.quote(body[:20], safe=""))
    response = caller.http.post(address, data=body, headers={"Content-Type": kind}, timeout=10)

    assert response.status_code < 500, response.text


@settings(FUZZ, max_examples=50)
@given(noise=st.binary(min_size=1, max_size=300))
def test_no_bytes_on_the_socket_stop_the_server(server: EmulatorServer, noise: bytes) -> None:
    host, port = server.credentials.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(noise)
        raw.shutdown(socket.SHUT_WR)
        assert b" 500 " not in raw.recv(200)

    assert requests.get(server.credentials.url + "/services/data/", timeout=10).status_code == 200
