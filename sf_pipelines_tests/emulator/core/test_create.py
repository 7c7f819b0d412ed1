from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import DEAL, add, create_refusal, rows

UNKNOWN_ACCOUNT = "001xx0000000zzzAAA"


def test_a_record_gets_its_id_owner_and_audit_fields(org: Org) -> None:
    id_ = add(org, "account", name="Acme")
    record = org.retrieve("Account", id_)
    assert id_.startswith("001")
    assert len(id_) == 18
    assert (record["Name"], record["OwnerId"], record["CreatedById"]) == ("Acme", org.user_id, org.user_id)
    assert record["CreatedDate"] == record["SystemModstamp"] == "2026-03-18T10:30:15.123+0000"
    assert record["IsDeleted"] is False


def test_text_is_trimmed_and_blank_text_is_null(org: Org) -> None:
    id_ = add(org, "Account", Name="  Acme ", Phone="   ", Site="")
    record = org.retrieve("Account", id_, ["Name", "Phone", "Site"])
    assert (record["Name"], record["Phone"], record["Site"]) == ("Acme", None, None)


@pytest.mark.parametrize(
    ("sobject", "record", "code", "message", "fields"),
    [
        ("Contact", {"FirstName": "A"}, "REQUIRED_FIELD_MISSING",
         "Required fields are missing: [LastName]", ("LastName",)),
        ("Contact", {"LastName": "  "}, "REQUIRED_FIELD_MISSING",
         "Required fields are missing: [LastName]", ("LastName",)),
        ("Opportunity", {"Name": "x", "Amount": "abc"}, "REQUIRED_FIELD_MISSING",
         "Required fields are missing: [StageName, CloseDate]", ("StageName", "CloseDate")),
        ("Account", {"Name": "x", "Nope": 1}, "INVALID_FIELD",
         "No such column 'Nope' on sobject of type Account", ()),
        ("Account", {"Name": "x", "CreatedDate": "y", "IsDeleted": True}, "INVALID_FIELD_FOR_INSERT_UPDATE",
         "Unable to create/update fields: CreatedDate, IsDeleted. Please check the security settings of this "
         "field and verify that it is read/write for your profile or permission set.",
         ("CreatedDate", "IsDeleted")),
        ("Account", {"Name": "x", "Id": UNKNOWN_ACCOUNT}, "INVALID_FIELD_FOR_INSERT_UPDATE",
         "cannot specify Id in an insert call", ("Id",)),
        ("Account", {"Name": "y" * 256}, "STRING_TOO_LONG",
         f"Account Name: data value too large: {'y' * 256} (max length=255)", ("Name",)),
        ("Contact", {"LastName": "x", "Email": "nobody"}, "INVALID_EMAIL_ADDRESS",
         "Email: invalid email address: nobody", ("Email",)),
        ("Opportunity", {**DEAL, "StageName": "Won"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
         "Stage: bad value for restricted picklist field: Won", ("StageName",)),
        ("Account", {"Name": "x", "NumberOfEmployees": 100_000_000}, "NUMBER_OUTSIDE_VALID_RANGE",
         "Employees: value outside of valid range on numeric field: 100000000", ("NumberOfEmployees",)),
        ("Opportunity", {**DEAL, "Amount": 1e16}, "NUMBER_OUTSIDE_VALID_RANGE",
         "Amount: value outside of valid range on numeric field: 1e+16", ("Amount",)),
        ("Account", {"Name": "x", "AnnualRevenue": 10**400}, "NUMBER_OUTSIDE_VALID_RANGE",
         f"Annual Revenue: value outside of valid range on numeric field: {10**400}", ("AnnualRevenue",)),
        ("Opportunity", {**DEAL, "CloseDate": "1492-10-12"}, "NUMBER_OUTSIDE_VALID_RANGE",
         "Close Date: invalid date: 1492-10-12", ("CloseDate",)),
        ("Opportunity", {**DEAL, "CloseDate": "30.06.2026"}, "JSON_PARSER_ERROR",
         "Cannot deserialize instance of date from VALUE_STRING value 30.06.2026 or request may be missing a "
         "required field at [line:1, column:1]", ("CloseDate",)),
        ("Account", {"Name": 5}, "JSON_PARSER_ERROR",
         "Cannot deserialize instance of string from VALUE_NUMBER_INT value 5 or request may be missing a "
         "required field at [line:1, column:1]", ("Name",)),
        ("Contact", {"LastName": "x", "DoNotCall": None}, "INVALID_TYPE_ON_FIELD_IN_RECORD",
         "Do Not Call: value not of required type: ", ("DoNotCall",)),
        ("Contact", {"LastName": "x", "AccountId": "abc"}, "MALFORMED_ID",
         "Account ID: id value of incorrect type: abc", ("AccountId",)),
        ("Contact", {"LastName": "x", "AccountId": UNKNOWN_ACCOUNT}, "INVALID_CROSS_REFERENCE_KEY",
         "invalid cross reference id", ()),
        ("Contact", {"LastName": "x", "Account": {"External_Id__c": "v"}}, "INVALID_FIELD",
         "Foreign key external ID: v not found for field External_Id__c in entity Account", ()),
        ("Contact", {"LastName": "x", "Account": {"Name": "v"}}, "INVALID_FIELD",
         "Field name provided, Name is not an External ID or indexed field for Account", ()),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isupper() else "",
)  # fmt: skip
def test_a_wrong_record_gets_salesforces_own_error(
    org: Org, sobject: str, record: dict[str, Any], code: str, message: str, fields: tuple[str, ...]
) -> None:
    error = create_refusal(org, sobject, record)
    assert (error.code, error.message, error.fields) == (code, message, fields)
    assert rows(org, f"SELECT Id FROM {sobject}") == []


def test_an_id_of_another_object_is_refused_as_a_reference(org: Org) -> None:
    error = create_refusal(org, "Contact", {"LastName": "x", "AccountId": org.user_id})
    assert error.code == "FIELD_INTEGRITY_EXCEPTION"


def test_a_deleted_parent_is_refused(org: Org) -> None:
    parent = add(org, "Account", Name="A")
    org.delete("Account", [parent])
    assert create_refusal(org, "Contact", {"LastName": "x", "AccountId": parent}).code == "ENTITY_IS_DELETED"


def test_a_15_character_parent_id_is_stored_with_18(org: Org) -> None:
    parent = add(org, "Account", Name="A")
    child = add(org, "Contact", LastName="x", AccountId=parent[:15])
    assert org.retrieve("Contact", child, ["AccountId"])["AccountId"] == parent


def test_a_parent_is_found_by_its_external_id_without_case_in_any_script(org: Org) -> None:
    parent = add(org, "Account", Name="A", External_Id__c="Größe-Ä1")
    child = add(org, "Contact", LastName="x", Account={"External_Id__c": "GRÖSSE-ä1"})
    assert org.retrieve("Contact", child, ["AccountId"])["AccountId"] == parent
    assert org.find_by_external_id("account", "external_id__c", "grÖSSE-Ä1") == [parent]


def test_good_and_bad_rows_keep_their_order(org: Org) -> None:
    results = org.create(
        "Account", [{"Name": "a"}, {"Phone": "1"}, {"Name": "b", "Phone": ABSENT}, {"Nope": 1, "Name": "c"}]
    )
    assert [result.success for result in results] == [True, False, True, False]
    assert [row[0] for row in rows(org, "SELECT Name FROM Account")] == ["a", "b"]
    assert all(result.id is None for result in results if not result.success)


def test_a_unique_value_may_not_repeat_in_the_org_nor_in_the_call(org: Org) -> None:
    first = add(org, "Account", Name="A", External_Id__c="k1")
    results = org.create(
        "Account", [{"Name": str(n), "External_Id__c": key} for n, key in enumerate(["K1", "k2", "K2"])]
    )
    assert [result.success for result in results] == [False, True, False]
    texts = [error.message for result in results for error in result.errors]
    assert texts == [
        f"duplicate value found: External_Id__c duplicates value on record with id: {id_}"
        for id_ in (first, results[1].id)
    ]
    assert {error.code for result in results for error in result.errors} == {"DUPLICATE_VALUE"}


def test_a_value_is_free_again_after_a_delete(org: Org) -> None:
    org.delete("Account", [add(org, "Account", Name="A", External_Id__c="k")])
    add(org, "Account", Name="B", External_Id__c="k")


def test_all_or_none_rolls_the_good_rows_back(org: Org) -> None:
    results = org.create("Account", [{"Name": "a"}, {}, {"Name": "b"}], all_or_none=True)
    assert [result.errors[0].code for result in results] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]
    assert results[0].errors[0].message == (
        "Record rolled back because not all records were valid and the request was using AllOrNone header"
    )
    assert rows(org, "SELECT Id FROM Account") == []


@pytest.mark.parametrize(
    ("stage", "probability", "forecast", "closed", "won"),
    [
        ("Prospecting", 10.0, "Pipeline", False, False),
        ("Closed Won", 100.0, "Closed", True, True),
        ("closed lost", 0.0, "Omitted", True, False),
    ],
)
def test_a_stage_sets_what_follows_from_it(
    org: Org, stage: str, probability: float, forecast: str, closed: bool, won: bool
) -> None:
    id_ = add(org, "Opportunity", **{**DEAL, "StageName": stage}, Amount=200)
    record = org.retrieve("Opportunity", id_)
    assert (record["Probability"], record["ForecastCategory"]) == (probability, forecast)
    assert (record["IsClosed"], record["IsWon"]) == (closed, won)
    assert record["ExpectedRevenue"] == 2 * probability
    assert (record["FiscalYear"], record["FiscalQuarter"], record["Fiscal"]) == (2026, 2, "2026 2")


def test_a_given_probability_stays(org: Org) -> None:
    id_ = add(org, "Opportunity", **DEAL, Probability=33)
    assert org.retrieve("Opportunity", id_, ["Probability"])["Probability"] == 33.0


def test_extra_decimals_are_rounded_half_up(org: Org) -> None:
    id_ = add(org, "Opportunity", **DEAL, Amount="10.005")
    assert org.retrieve("Opportunity", id_, ["Amount"])["Amount"] == 10.01


def test_a_persons_name_is_made_of_its_parts(org: Org) -> None:
    id_ = add(org, "Contact", FirstName="Ann", LastName="Lee")
    other = add(org, "Contact", LastName="Solo")
    assert [org.retrieve("Contact", one, ["Name"])["Name"] for one in (id_, other)] == ["Ann Lee", "Solo"]


def test_the_user_of_the_call_owns_what_it_creates(org: Org, clock: Clock) -> None:
    user = add(
        org, "User", Username="ann@x.example", LastName="Lee", Email="ann@x.example", Alias="ann",
        ProfileId="00exx0000000001AAA", TimeZoneSidKey="GMT", LocaleSidKey="en_US",
        EmailEncodingKey="UTF-8", LanguageLocaleKey="en_US",
    )  # fmt: skip
    [result] = org.create("Account", [{"Name": "A"}], user_id=user)
    assert rows(org, "SELECT Id, Owner.Username, CreatedBy.Name FROM Account") == [
        (result.id, "ann@x.example", "Lee")
    ]


def test_an_empty_call_does_nothing(org: Org) -> None:
    assert list(org.create("Account", [])) == []
    with pytest.raises(SalesforceError, match="does not exist"):
        org.create("Nope", [])


def test_an_address_is_read_as_an_object_and_written_by_its_parts(org: Org) -> None:
    id_ = add(org, "Account", Name="A", BillingCity="Berlin", BillingLatitude=52.5)
    record = org.retrieve("Account", id_, ["BillingAddress", "ShippingAddress"])
    assert record["BillingAddress"]["city"] == "Berlin"
    assert record["BillingAddress"]["latitude"] == 52.5
    assert record["BillingAddress"]["street"] is None
    assert record["ShippingAddress"] is None
    error = create_refusal(org, "Account", {"Name": "B", "BillingAddress": {"city": "x"}})
    assert error.code == "INVALID_FIELD_FOR_INSERT_UPDATE"
