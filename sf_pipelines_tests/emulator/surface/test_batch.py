from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of


def sub(method: str, path: str, rich_input: Any = None) -> dict[str, Any]:
    item = {"method": method, "url": "v66.0" + path}
    return item if rich_input is None else {**item, "richInput": rich_input}


def send(caller: Caller, *items: dict[str, Any], halt_on_error: bool = False) -> dict[str, Any]:
    response = caller.post("/composite/batch", {"haltOnError": halt_on_error, "batchRequests": list(items)})
    assert response.status_code == 200, response.text
    return response.json()


def test_each_subrequest_has_its_status_and_result(caller: Caller) -> None:
    id_ = caller.create("Account", Name="a")

    body = send(
        caller,
        sub("PATCH", f"/sobjects/account/{id_}", {"Name": "b"}),
        sub("GET", f"/sobjects/Account/{id_}?fields=Name"),
        sub("POST", "/sobjects/Contact", {"FirstName": "x"}),
        sub("GET", "/query?q=SELECT+Name+FROM+Account"),
    )

    assert_golden("batch.json", body)


def test_a_failure_leaves_the_others_alone(caller: Caller) -> None:
    body = send(caller, sub("POST", "/sobjects/Account", {}), sub("POST", "/sobjects/Account", {"Name": "a"}))

    assert body["hasErrors"] is True
    assert [one["statusCode"] for one in body["results"]] == [400, 201]


def test_halt_on_error_leaves_the_rest_undone_and_the_first_done(caller: Caller) -> None:
    body = send(
        caller,
        sub("POST", "/sobjects/Account", {"Name": "a"}),
        sub("POST", "/sobjects/Account", {}),
        sub("POST", "/sobjects/Account", {"Name": "b"}),
        halt_on_error=True,
    )

    assert [one["statusCode"] for one in body["results"]] == [201, 400, 412]
    assert body["results"][2]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"
    assert caller.query("SELECT COUNT() FROM Account")["totalSize"] == 1


def test_a_batch_is_charged_a_call_for_each_subrequest(caller: Caller) -> None:
    before = caller.surface.limits.used("DailyApiRequests")

    send(caller, *[sub("GET", "/limits")] * 25)

    assert caller.surface.limits.used("DailyApiRequests") == before + 25


def test_a_batch_past_the_allocation_is_refused_where_it_ends(caller: Caller) -> None:
    caller.surface.limits.put("DailyApiRequests", used=99_998)

    body = send(caller, *[sub("GET", "/limits")] * 3)

    assert [one["statusCode"] for one in body["results"]] == [200, 200, 403]


@pytest.mark.parametrize("prefix", ["v66.0", "/v66.0", "/services/data/v66.0"])
def test_a_url_may_be_written_in_three_ways(caller: Caller, prefix: str) -> None:
    body = send(caller, {"method": "Get", "url": prefix + "/limits"})

    assert body["results"][0]["statusCode"] == 200


@pytest.mark.parametrize(
    ("path", "status"), [("/composite/sobjects", 400), ("/jobs/ingest", 400), ("/nowhere", 404)]
)
def test_a_resource_outside_the_batchs_reach_fails_alone(caller: Caller, path: str, status: int) -> None:
    body = send(caller, sub("POST", path, {}), sub("GET", "/limits"))

    assert [one["statusCode"] for one in body["results"]] == [status, 200]


@pytest.mark.parametrize(
    "items",
    [[], [sub("GET", "/limits")] * 26, [{"method": "GET"}], [sub("FETCH", "/limits")], "text", [1]],
)
def test_a_malformed_batch_is_refused_whole(caller: Caller, items: Any) -> None:
    assert caller.post("/composite/batch", {"batchRequests": items}).status_code == 400


def test_a_flag_that_is_no_boolean_is_refused(caller: Caller) -> None:
    response = caller.post("/composite/batch", {"haltOnError": "yes", "batchRequests": []})

    assert error_of(response)[:2] == (400, "JSON_PARSER_ERROR")
