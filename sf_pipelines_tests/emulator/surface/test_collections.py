from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of

PATH = "/composite/sobjects"


def typed(kind: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind}, **fields}


def count(caller: Caller, sobject: str = "Account") -> int:
    return caller.query(f"SELECT COUNT() FROM {sobject}")["totalSize"]


def test_results_stand_in_request_order_with_status_codes(caller: Caller) -> None:
    records = [typed("Account", Name="a"), typed("Contact", FirstName="x"), typed("Account", Name="b")]

    response = caller.post(PATH, {"records": records})

    assert response.status_code == 200
    assert_golden("collections_create.json", response.json())


def test_all_or_none_rolls_the_good_rows_back(caller: Caller) -> None:
    records = [typed("Account", Name="a"), typed("Account")]

    rows = caller.post(PATH, {"allOrNone": True, "records": records}).json()

    codes = [row["errors"][0]["statusCode"] for row in rows]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert count(caller) == 0


def test_all_or_none_reaches_over_types(caller: Caller) -> None:
    records = [typed("Account", Name="a"), typed("Contact")]

    rows = caller.post(PATH, {"allOrNone": True, "records": records}).json()

    assert [row["success"] for row in rows] == [False, False]
    assert rows[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert count(caller) == 0


def test_an_update_without_an_id_fails_alone(caller: Caller) -> None:
    id_ = caller.create("Account", Name="a")
    records = [typed("Account", id=id_, Name="b"), typed("Account", Name="c")]

    rows = caller.patch(PATH, {"records": records}).json()

    assert rows[0] == {"id": id_, "success": True, "errors": []}
    assert rows[1]["errors"][0]["statusCode"] == "MISSING_ARGUMENT"
    assert rows[1]["errors"][0]["message"] == "Id not specified in an update call"


def test_rows_that_are_refused_beforehand_are_no_chunks(caller: Caller) -> None:
    without_id = caller.patch(PATH, {"records": [typed("Account", Name="a")] * 20})
    malformed = caller.delete(PATH, params={"ids": ",".join(f"nonsense{n}" for n in range(20))})

    assert {row["errors"][0]["statusCode"] for row in without_id.json()} == {"MISSING_ARGUMENT"}
    assert {row["errors"][0]["statusCode"] for row in malformed.json()} == {"MALFORMED_ID"}
    assert (len(without_id.json()), len(malformed.json())) == (20, 20)


def test_an_upsert_says_what_it_created(caller: Caller) -> None:
    caller.create("Account", Name="a", External_Id__c="e-1")
    records = [
        typed("Account", External_Id__c="e-1", Name="b"),
        typed("Account", External_Id__c="e-2", Name="c"),
    ]

    rows = caller.patch(PATH + "/Account/External_Id__c", {"records": records}).json()

    assert [row["created"] for row in rows] == [False, True]


def test_an_upsert_by_a_field_that_is_no_key_is_refused_whole(caller: Caller) -> None:
    response = caller.patch(PATH + "/Account/Industry", {"records": [typed("Account", Name="a")]})

    assert error_of(response)[:2] == (404, "NOT_FOUND")


def test_a_delete_takes_ids_of_several_types(caller: Caller) -> None:
    ids = [caller.create("Account", Name="a"), caller.create("Contact", LastName="b")]

    rows = caller.delete(PATH, params={"ids": ",".join([*ids, "nonsense"])}).json()

    assert [row["success"] for row in rows] == [True, True, False]
    assert rows[2]["errors"][0]["statusCode"] == "MALFORMED_ID"
    assert (count(caller), count(caller, "Contact")) == (0, 0)


def test_a_retrieve_leaves_null_for_what_is_missing(caller: Caller) -> None:
    id_ = caller.create("Account", Name="a")
    ids = [id_, "001xx0000000zzzAAA"]

    by_post = caller.post(PATH + "/Account", {"ids": ids, "fields": ["Name"]}).json()
    by_get = caller.get(PATH + "/Account", params={"ids": ",".join(ids), "fields": "Name"}).json()

    assert by_post == by_get
    assert by_post[0]["Name"] == "a"
    assert by_post[1] is None


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([], "REQUIRED_FIELD_MISSING"),
        ([typed("Account", Name="a")] * 201, "EXCEEDED_ID_LIMIT"),
        ([typed("Account", Name="a"), typed("Contact", LastName="b")] * 6, "LIMIT_EXCEEDED"),
        ("text", "JSON_PARSER_ERROR"),
        (["text"], "JSON_PARSER_ERROR"),
    ],
)
def test_a_wrong_request_is_refused_whole(caller: Caller, records: Any, code: str) -> None:
    assert error_of(caller.post(PATH, {"records": records}))[:2] == (400, code)
    assert count(caller) == 0


def test_two_hundred_records_fit(caller: Caller) -> None:
    rows = caller.post(PATH, {"records": [typed("Account", Name="a")] * 200}).json()

    assert [row["success"] for row in rows] == [True] * 200


@pytest.mark.parametrize("record", [{"Name": "a"}, typed("Nope", Name="a"), typed("", Name="a")])
def test_a_record_of_no_known_type_fails_alone(caller: Caller, record: dict[str, Any]) -> None:
    rows = caller.post(PATH, {"records": [record, typed("Account", Name="b")]}).json()

    assert rows[0]["errors"][0]["statusCode"] == "INVALID_TYPE"
    assert rows[1]["success"] is True
