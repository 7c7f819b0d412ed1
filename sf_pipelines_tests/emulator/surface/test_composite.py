from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of

B = "/services/data/v66.0"


def sub(method: str, path: str, reference: str, body: Any = None, **more: Any) -> dict[str, Any]:
    item = {"method": method, "url": B + path, "referenceId": reference, **more}
    return item if body is None else {**item, "body": body}


def send(caller: Caller, *items: dict[str, Any], all_or_none: bool = False) -> list[dict[str, Any]]:
    response = caller.post("/composite", {"allOrNone": all_or_none, "compositeRequest": list(items)})
    assert response.status_code == 200, response.text
    return response.json()["compositeResponse"]


def count(caller: Caller) -> int:
    return caller.query("SELECT COUNT() FROM Account")["totalSize"]


def test_a_later_subrequest_uses_the_answer_of_an_earlier_one(caller: Caller) -> None:
    answers = send(
        caller,
        sub("POST", "/sobjects/Account", "acc", {"Name": "Acme"}),
        sub("POST", "/sobjects/Contact", "con", {"LastName": "Ann", "AccountId": "@{acc.id}"}),
        sub("GET", "/sobjects/Account/@{acc.id}?fields=Name", "again"),
        sub("GET", "/query?q=SELECT+Id,+Account.Name+FROM+Contact+WHERE+AccountId='@{acc.id}'", "found"),
        sub("GET", "/sobjects/Contact/@{found.records[0].Id}?fields=LastName", "deep"),
    )

    assert_golden("composite.json", {"compositeResponse": answers})


def test_a_failed_source_halts_what_depends_on_it(caller: Caller) -> None:
    answers = send(
        caller,
        sub("POST", "/sobjects/Account", "acc", {}),
        sub("POST", "/sobjects/Contact", "con", {"LastName": "Ann", "AccountId": "@{acc.id}"}),
        sub("POST", "/sobjects/Account", "free", {"Name": "x"}),
    )

    assert [answer["httpStatusCode"] for answer in answers] == [400, 400, 201]
    assert answers[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_a_reference_to_a_missing_field_is_told(caller: Caller) -> None:
    answers = send(
        caller,
        sub("POST", "/sobjects/Account", "acc", {"Name": "a"}),
        sub("GET", "/sobjects/Account/@{acc.nope}", "bad"),
    )

    assert answers[1]["httpStatusCode"] == 400
    assert "No value for acc.nope" in answers[1]["body"][0]["message"]


def test_all_or_none_undoes_everything_and_names_one_culprit(caller: Caller) -> None:
    answers = send(
        caller,
        sub("POST", "/sobjects/Account", "one", {"Name": "a"}),
        sub("POST", "/sobjects/Contact", "two", {}),
        sub("POST", "/sobjects/Account", "three", {"Name": "b"}),
        all_or_none=True,
    )

    codes = [answer["body"][0]["errorCode"] for answer in answers]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert [answer["httpStatusCode"] for answer in answers] == [400, 400, 400]
    assert count(caller) == 0


def test_all_or_none_keeps_what_succeeds(caller: Caller) -> None:
    send(caller, sub("POST", "/sobjects/Account", "one", {"Name": "a"}), all_or_none=True)

    assert count(caller) == 1


def test_collections_run_inside_a_composite(caller: Caller) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": "a"}] * 200
    items = [sub("POST", "/composite/sobjects", f"part{n}", {"records": records}) for n in range(5)]

    answers = send(caller, *items)

    assert [len(answer["body"]) for answer in answers] == [200] * 5
    assert count(caller) == 1000


def test_a_composite_is_one_metered_call(caller: Caller) -> None:
    items = [sub("GET", "/limits", f"r{n}") for n in range(25)]
    before = caller.surface.limits.used("DailyApiRequests")

    send(caller, *items)

    assert caller.surface.limits.used("DailyApiRequests") == before + 1


@pytest.mark.parametrize(
    "items",
    [
        [],
        [sub("GET", "/limits", f"r{n}") for n in range(26)],
        [sub("GET", "/query?q=SELECT+Id+FROM+Account", f"r{n}") for n in range(6)],
        [sub("GET", "/limits", "same"), sub("GET", "/limits", "same")],
        [sub("GET", "/limits", "with space")],
        [sub("GET", "/limits", "r", httpHeaders={"Authorization": "Bearer x"})],
        [{"method": "GET", "referenceId": "r"}],
        [sub("FETCH", "/limits", "r")],
        "text",
        [1],
    ],
)
def test_a_malformed_composite_is_refused_whole(caller: Caller, items: Any) -> None:
    assert caller.post("/composite", {"compositeRequest": items}).status_code == 400


@pytest.mark.parametrize("path", ["/composite", "/jobs/ingest", "/nowhere"])
def test_a_resource_outside_the_composites_reach_fails_alone(caller: Caller, path: str) -> None:
    answers = send(caller, sub("POST", path, "r", {}), sub("GET", "/limits", "fine"))

    assert answers[0]["httpStatusCode"] in (400, 404)
    assert answers[1]["httpStatusCode"] == 200


def test_a_wrong_method_inside_is_told_like_outside(caller: Caller) -> None:
    (answer,) = send(caller, sub("PUT", "/sobjects/Account", "r", {}))

    assert answer["httpStatusCode"] == 405
    assert answer["body"][0]["errorCode"] == "METHOD_NOT_ALLOWED"


def test_an_error_inside_has_the_same_shape_as_outside(caller: Caller) -> None:
    (answer,) = send(caller, sub("POST", "/sobjects/Contact", "r", {"FirstName": "Ann"}))

    outside = caller.post("/sobjects/Contact", {"FirstName": "Ann"})
    assert error_of(outside)[0] == answer["httpStatusCode"]
    assert answer["body"] == outside.json()


def test_a_bad_reference_id_is_told_in_salesforces_words(caller: Caller) -> None:
    response = caller.post("/composite", {"compositeRequest": [sub("GET", "/limits", "my-ref")]})

    expected = (
        "Provided referenceId ('my-ref') must start with a letter or a number, "
        "and it can contain only letters, numbers and underscores ('_')."
    )
    assert error_of(response) == (400, "JSON_PARSER_ERROR", expected)


def test_the_family_is_listed(caller: Caller) -> None:
    assert caller.get("/composite").json() == {
        name: f"{B}/composite/{name}" for name in ("tree", "batch", "sobjects", "graph")
    }


def test_references_are_case_sensitive(caller: Caller) -> None:
    answers = send(
        caller,
        sub("POST", "/sobjects/Account", "acc", {"Name": "a"}),
        sub("GET", "/sobjects/Account/@{ACC.id}", "bad"),
    )

    assert answers[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_all_or_none_undoes_collections_that_say_success(caller: Caller) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": "a"}]
    answers = send(
        caller,
        sub("POST", "/composite/sobjects", "many", {"records": records}),
        sub("POST", "/sobjects/Account", "bad", {}),
        all_or_none=True,
    )

    assert answers[0]["httpStatusCode"] == 400
    assert count(caller) == 0


@pytest.mark.parametrize("name", ["allOrNone", "collateSubrequests"])
def test_a_flag_that_is_no_boolean_is_refused(caller: Caller, name: str) -> None:
    body = {name: "yes", "compositeRequest": [sub("GET", "/limits", "r")]}

    assert error_of(caller.post("/composite", body))[:2] == (400, "JSON_PARSER_ERROR")


def test_a_row_that_the_caller_has_already_is_no_failure(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"
    tag = caller.get(path).headers["ETag"]
    answers = send(
        caller,
        sub("POST", "/sobjects/Account", "new", {"Name": "b"}),
        sub("GET", path, "known", httpHeaders={"If-None-Match": tag}),
        all_or_none=True,
    )

    assert [answer["httpStatusCode"] for answer in answers] == [201, 304]
    assert count(caller) == 2


def test_an_ambiguous_key_undoes_an_all_or_none_request(caller: Caller) -> None:
    for name in ("a", "b"):
        caller.create("Account", Name=name, Code__c="twin")
    answers = send(
        caller,
        sub("POST", "/sobjects/Account", "new", {"Name": "c"}),
        sub("PATCH", "/sobjects/Account/Code__c/twin", "twin", {"Name": "d"}),
        all_or_none=True,
    )

    assert [answer["httpStatusCode"] for answer in answers] == [400, 300]
    assert count(caller) == 2
