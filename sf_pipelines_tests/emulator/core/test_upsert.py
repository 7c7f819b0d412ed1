from __future__ import annotations

import pytest

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import DEAL, add, refusal, rows

KEY = "External_Id__c"


def test_a_new_key_creates_and_a_known_one_updates_in_any_case(org: Org) -> None:
    first = org.upsert("Account", KEY, [{KEY: "k1", "Name": "A"}, {KEY: "k2", "Name": "B"}])
    second = org.upsert("account", KEY.lower(), [{KEY: "K2", "Name": "B2"}, {KEY: "k3", "Name": "C"}])
    assert [result.created for result in (*first, *second)] == [True, True, False, True]
    assert second[0].id == first[1].id
    assert rows(org, "SELECT Name, External_Id__c FROM Account") == [("A", "k1"), ("B2", "K2"), ("C", "k3")]


def test_a_key_twice_in_one_call_fails_for_every_row_that_has_it(org: Org) -> None:
    results = org.upsert("Account", KEY, [{KEY: key, "Name": "x"} for key in ("a", "b", "A")])
    assert [result.success for result in results] == [False, True, False]
    assert [result.errors[0].message for result in results if result.errors] == [
        "Duplicate external id specified: a",
        "Duplicate external id specified: A",
    ]


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_row_without_a_key_fails(org: Org, value: str | None) -> None:
    error = refusal(org.upsert("Account", KEY, [{KEY: value, "Name": "x"}]))
    assert (error.code, error.message) == ("MISSING_ARGUMENT", "External_Id__c not specified")


def test_a_new_record_needs_its_required_fields_and_a_known_one_does_not(org: Org) -> None:
    add(org, "Account", Name="A", External_Id__c="k")
    results = org.upsert("Account", KEY, [{KEY: "k", "Phone": "1"}, {KEY: "new", "Phone": "1"}])
    assert [result.success for result in results] == [True, False]
    assert results[1].errors[0].code == "REQUIRED_FIELD_MISSING"


def test_update_only_never_creates(org: Org) -> None:
    error = refusal(org.upsert("Account", KEY, [{KEY: "new", "Name": "x"}], update_only=True))
    assert (error.code, error.status) == ("NOT_FOUND", 404)


def test_a_key_that_several_records_have_is_refused(org: Org) -> None:
    for first_name in "ab":
        add(org, "Contact", FirstName=first_name, LastName="x", Email="x@y.example")
    error = refusal(org.upsert("Contact", "Email", [{"Email": "X@y.example", "LastName": "z"}]))
    assert error.code == "DUPLICATE_EXTERNAL_ID"
    assert len(org.find_by_external_id("Contact", "Email", "x@y.example")) == 2


def test_upsert_by_id_updates_and_creates(org: Org) -> None:
    id_ = add(org, "Account", Name="A")
    results = org.upsert(
        "Account", "Id", [{"Id": id_, "Name": "B"}, {"Name": "C"}, {"Id": None, "Name": "D"}]
    )
    assert [result.created for result in results] == [False, True, True]


@pytest.mark.parametrize("field", ["Name", "Nope__c"])
def test_a_field_that_is_no_key_is_not_found(org: Org, field: str) -> None:
    with pytest.raises(SalesforceError) as caught:
        org.upsert("Account", field, [{"Name": "x"}])
    assert (caught.value.code, caught.value.status) == ("NOT_FOUND", 404)
    assert caught.value.message == f"Provided external ID field does not exist or is not accessible: {field}"


def test_fields_for_creation_only_are_good_for_new_records_alone(org: Org) -> None:
    contact = add(org, "Contact", LastName="x")
    record = {**DEAL, KEY: "k", "ContactId": contact}
    assert org.upsert("Opportunity", KEY, [record])[0].success
    assert refusal(org.upsert("Opportunity", KEY, [record])).code == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_all_or_none_undoes_creates_and_updates(org: Org) -> None:
    add(org, "Account", Name="A", External_Id__c="k")
    org.upsert(
        "Account", KEY, [{KEY: "k", "Name": "B"}, {KEY: "l", "Name": "C"}, {KEY: "m"}], all_or_none=True
    )
    assert rows(org, "SELECT Name FROM Account") == [("A",)]


def test_a_deleted_record_is_no_match(org: Org) -> None:
    id_ = add(org, "Account", Name="A", External_Id__c="k")
    org.delete("Account", [id_])
    assert org.upsert("Account", KEY, [{KEY: "k", "Name": "B"}])[0].created
