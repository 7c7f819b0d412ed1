from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of

KEY = "/sobjects/Account/External_Id__c/e-1"


def test_a_created_row_is_read_back_with_attributes_in_the_called_version(caller: Caller) -> None:
    created = caller.post("/sobjects/Account", {"Name": "Acme", "NumberOfEmployees": 7})
    id_ = created.json()["id"]

    assert created.status_code == 201
    assert created.json() == {"id": id_, "success": True, "errors": []}
    assert created.headers["Location"] == f"/services/data/v66.0/sobjects/Account/{id_}"
    assert caller.get(f"/sobjects/Account/{id_}?fields=Name,NumberOfEmployees").json() == {
        "attributes": {"type": "Account", "url": f"/services/data/v66.0/sobjects/Account/{id_}"},
        "Name": "Acme",
        "NumberOfEmployees": 7,
    }


def test_a_row_without_a_field_list_has_every_readable_field(caller: Caller) -> None:
    record = caller.get(f"/sobjects/Account/{caller.create('Account', Name='Acme')}").json()

    assert record["CreatedDate"] == "2026-02-01T10:00:00.000+0000"
    assert {"Id", "OwnerId", "SystemModstamp", "External_Id__c"} <= set(record)


def test_a_patch_changes_only_what_it_names(caller: Caller) -> None:
    id_ = caller.create("Account", Name="Acme", Industry="Energy")

    response = caller.patch(f"/sobjects/Account/{id_}", {"Name": "Acme 2"})

    assert (response.status_code, response.content) == (204, b"")
    (record,) = caller.query("SELECT Name, Industry FROM Account")["records"]
    assert (record["Name"], record["Industry"]) == ("Acme 2", "Energy")


def test_a_post_may_pretend_to_be_a_patch(caller: Caller) -> None:
    id_ = caller.create("Account", Name="Acme")

    response = caller.post(f"/sobjects/Account/{id_}?_HttpMethod=PATCH", {"Name": "Other"})

    assert response.status_code == 204
    assert caller.get(f"/sobjects/Account/{id_}?fields=Name").json()["Name"] == "Other"


def test_a_fifteen_character_id_finds_the_row(caller: Caller) -> None:
    id_ = caller.create("Account", Name="Acme")

    assert caller.get(f"/sobjects/Account/{id_[:15]}?fields=Id").json()["Id"] == id_


def test_the_id_in_a_patch_body_is_refused(caller: Caller) -> None:
    id_ = caller.create("Account", Name="Acme")
    response = caller.patch(f"/sobjects/Account/{id_}", {"Id": id_, "Name": "x"})

    expected = (400, "INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    assert error_of(response) == expected


def test_a_deleted_row_is_gone_for_every_method(caller: Caller) -> None:
    id_ = caller.create("Account", Name="Acme")
    path = f"/sobjects/Account/{id_}"

    assert caller.delete(path).status_code == 204
    answers = [caller.get(path), caller.patch(path, {"Name": "x"}), caller.delete(path)]

    assert {error_of(answer)[:2] for answer in answers} == {(404, "ENTITY_IS_DELETED")}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/sobjects/Nope/001xx0000000001AAA", "The requested resource does not exist"),
        ("/sobjects/Account/001xx0000000zzzAAA", "The requested resource does not exist"),
        ("/sobjects/Account/003xx0000000001AAA", "The requested resource does not exist"),
        ("/sobjects/Account/zzz", "Provided external ID field does not exist or is not accessible: zzz"),
        (
            "/sobjects/Account/Nope__c/1",
            "Provided external ID field does not exist or is not accessible: Nope__c",
        ),
    ],
)
def test_what_is_not_there_is_a_404(caller: Caller, path: str, message: str) -> None:
    assert error_of(caller.get(path)) == (404, "NOT_FOUND", message)


def test_a_missing_required_field_is_told_in_the_envelope(caller: Caller) -> None:
    response = caller.post("/sobjects/Contact", {"FirstName": "Ann"})

    assert response.status_code == 400
    assert_golden("error_envelope.json", response.json())


def test_an_upsert_creates_then_updates(caller: Caller) -> None:
    first = caller.patch(KEY, {"Name": "Acme"})
    second = caller.patch(KEY, {"Name": "Acme 2"})

    id_ = first.json()["id"]
    assert first.status_code == 201
    assert first.json() == {"id": id_, "success": True, "errors": [], "created": True}
    assert second.status_code == 200
    assert second.json() == {"id": id_, "success": True, "errors": [], "created": False}
    assert caller.get(KEY + "?fields=Name").json()["Name"] == "Acme 2"
    assert caller.delete(KEY).status_code == 204
    assert caller.get(KEY).status_code == 404


def test_an_upsert_key_may_hold_an_encoded_slash(caller: Caller) -> None:
    assert caller.patch("/sobjects/Account/External_Id__c/a%2Fb", {"Name": "x"}).status_code == 201
    assert caller.query("SELECT External_Id__c FROM Account")["records"][0]["External_Id__c"] == "a/b"


def test_update_only_never_creates(caller: Caller) -> None:
    response = caller.patch(KEY + "?updateOnly=true", {"Name": "Acme"})

    assert error_of(response)[:2] == (404, "NOT_FOUND")
    assert caller.query("SELECT COUNT() FROM Account")["totalSize"] == 0


def test_an_ambiguous_key_answers_with_the_choices_and_writes_nothing(caller: Caller) -> None:
    ids = [caller.create("Account", Name=name, Code__c="twin") for name in ("a", "b")]

    response = caller.patch("/sobjects/Account/Code__c/twin", {"Name": "x"})

    assert response.status_code == 300
    assert response.json() == [f"/services/data/v66.0/sobjects/Account/{id_}" for id_ in ids]
    assert {row["Name"] for row in caller.query("SELECT Name FROM Account")["records"]} == {"a", "b"}


@pytest.mark.parametrize("body", [{"External_Id__c": "e-1", "Name": "x"}, {"Id": "001xx0000000001AAA"}])
def test_the_key_in_an_upsert_body_is_refused(caller: Caller, body: dict[str, str]) -> None:
    assert error_of(caller.patch(KEY, body))[:2] == (400, "INVALID_FIELD")


@pytest.mark.parametrize("path", ["/sobjects/Account", "/sobjects/Account/"])
def test_an_upsert_without_a_key_is_not_allowed(caller: Caller, path: str) -> None:
    message = "HTTP Method 'PATCH' not allowed. Allowed are HEAD,GET,POST"

    assert error_of(caller.patch(path, {"Name": "x"})) == (405, "METHOD_NOT_ALLOWED", message)


def test_a_post_to_the_key_id_inserts(caller: Caller) -> None:
    assert caller.post("/sobjects/Account/Id", {"Name": "x"}).status_code == 201


def test_a_parent_is_named_by_its_key(caller: Caller) -> None:
    parent = caller.patch(KEY, {"Name": "Acme"}).json()["id"]
    body = {"LastName": "Ann", "Account": {"External_Id__c": "e-1"}}

    assert caller.post("/sobjects/Contact", body).status_code == 201
    assert caller.query("SELECT AccountId FROM Contact")["records"][0]["AccountId"] == parent


def test_a_post_may_pretend_to_be_a_delete(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"

    assert caller.post(path + "?_HttpMethod=delete").status_code == 204
    assert caller.get(path).status_code == 404


def test_a_post_may_pretend_nothing_else(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"

    assert error_of(caller.post(path + "?_HttpMethod=GET", {}))[:2] == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("id_", ["001xx0000000001ZZZ", "001xx000000000!"])
def test_an_id_with_a_wrong_character_is_malformed(caller: Caller, id_: str) -> None:
    assert error_of(caller.get(f"/sobjects/Account/{id_}")) == (400, "MALFORMED_ID", f"malformed id {id_}")


@pytest.mark.parametrize("method", ["get", "delete"])
def test_an_ambiguous_key_gives_the_choices_to_every_method(caller: Caller, method: str) -> None:
    ids = [caller.create("Account", Name=name, Code__c="twin") for name in ("a", "b")]

    response = getattr(caller, method)("/sobjects/account/code__c/TWIN")

    assert response.status_code == 300
    assert response.json() == [f"/services/data/v66.0/sobjects/Account/{id_}" for id_ in ids]


def test_an_ambiguous_parent_refuses_the_row(caller: Caller) -> None:
    for name in ("a", "b"):
        caller.create("Account", Name=name, Code__c="twin")

    response = caller.post("/sobjects/Contact", {"LastName": "Ann", "Account": {"Code__c": "twin"}})

    assert error_of(response)[:2] == (400, "INVALID_FIELD")


def test_a_row_is_upserted_by_its_id(caller: Caller) -> None:
    id_ = caller.create("Account", Name="a")

    changed = caller.patch(f"/sobjects/Account/Id/{id_[:15]}", {"Name": "b"})
    unknown = caller.patch("/sobjects/Account/Id/001xx0000000zzzAAA", {"Name": "b"})

    assert (changed.status_code, changed.json()["id"]) == (200, id_)
    assert error_of(unknown)[:2] == (404, "NOT_FOUND")


def test_two_callers_with_one_new_key_make_one_row(caller: Caller) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: caller.patch(KEY, {"Name": str(name)}), range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert caller.query("SELECT COUNT() FROM Account")["totalSize"] == 1


def test_a_head_of_a_row_has_its_headers_and_no_body(caller: Caller) -> None:
    path = f"/sobjects/Account/{caller.create('Account', Name='a')}"

    response = caller.http.head(caller.data + path, timeout=10)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["ETag"] == caller.get(path).headers["ETag"]


def test_the_rows_that_a_caller_touched_last_are_its_recent_items(caller: Caller) -> None:
    first, second, gone = (caller.create("Account", Name=name) for name in "abc")
    caller.delete(f"/sobjects/Account/{gone}")
    caller.get(f"/sobjects/Account/{first}?fields=Id")

    items = caller.get("/sobjects/Account").json()["recentItems"]

    assert [(item["Id"], item["Name"]) for item in items] == [(first, "a"), (second, "b")]
    assert items[0]["attributes"] == {
        "type": "Account",
        "url": f"/services/data/v66.0/sobjects/Account/{first}",
    }


def test_a_call_may_leave_the_recent_items_alone(caller: Caller) -> None:
    caller.post("/sobjects/Account", {"Name": "a"}, headers={"Sforce-Mru": "updateMru=false"})

    assert caller.get("/sobjects/Account").json()["recentItems"] == []


def test_the_auto_assign_header_is_accepted(caller: Caller) -> None:
    response = caller.post("/sobjects/Account", {"Name": "a"}, headers={"Sforce-Auto-Assign": "FALSE"})

    assert response.status_code == 201


def test_the_checksum_mends_the_case_of_an_id_and_of_its_key_prefix(caller: Caller) -> None:
    id_ = caller.create("Lead", LastName="Ann", Company="Acme")
    shouted = id_.upper() if id_.upper() != id_ else id_.lower()
    lead = "/sobjects/Lead"

    assert caller.get(f"{lead}/{id_.lower()}?fields=Id").json()["Id"] == id_
    assert caller.patch(f"{lead}/Id/{shouted}", {"LastName": "Bob"}).json()["id"] == id_
    assert caller.delete("/composite/sobjects", params={"ids": id_.lower()}).json()[0]["id"] == id_
