from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import DuplicateHeader, Org
from sf_pipelines.emulator.schema.describe import describe_object
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines_tests.emulator.core.helpers import add, create_refusal, refusal, rows

EXAMPLE = Path(str(load_schema.__globals__["__file__"])).with_name("example.yaml")
MakeOrg = Callable[[str], Org]


@pytest.fixture
def make_org(tmp_path: Path, clock: Clock) -> MakeOrg:
    """An org whose Account has the rules of a YAML text."""

    def make(text: str) -> Org:
        path = tmp_path / "schema.yaml"
        path.write_text(text, "utf-8")
        return Org(schema=load_schema(path), clock=clock)

    return make


@pytest.fixture
def example(clock: Clock) -> Org:
    """An org with the shipped example of a schema file."""
    return Org(schema=load_schema(EXAMPLE), clock=clock)


RULE = """
Account:
  validation_rules:
    - {name: Site, error_condition: "Site IS NULL AND AnnualRevenue > 5", message: Say where., field: Site}
    - {name: Inactive, active: false, error_condition: "true", message: never}
    - {name: Grown, error_condition: "NumberOfEmployees < 0", message: Too few., events: update}
"""


def test_a_validation_rule_refuses_with_its_message_and_field(make_org: MakeOrg) -> None:
    org = make_org(RULE)
    results = org.create("Account", [{"Name": "a", "AnnualRevenue": 9}, {"Name": "b", "AnnualRevenue": 5}])
    assert [result.success for result in results] == [False, True]
    [error] = results[0].errors
    assert (error.code, error.message, error.fields) == (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "Say where.",
        ("Site",),
    )
    assert rows(org, "SELECT Name FROM Account") == [("b",)]


def test_a_rule_sees_an_update_as_it_would_be_stored(make_org: MakeOrg) -> None:
    org = make_org(RULE)
    id_ = add(org, "Account", Name="a", AnnualRevenue=9, Site="x", NumberOfEmployees=-1)
    refused = refusal(org.update("Account", [{"Id": id_, "Site": None}]))
    assert (refused.message, refused.fields) == ("Say where.", ("Site",))
    assert refusal(org.update("Account", [{"Id": id_, "Name": "b"}])).message == "Too few."
    assert org.update("Account", [{"Id": id_, "NumberOfEmployees": 1}])[0].success
    assert rows(org, "SELECT Name, Site FROM Account") == [("a", "x")]


def test_a_rule_that_can_not_be_worked_out_refuses_the_record(make_org: MakeOrg) -> None:
    condition = "abs(NumberOfEmployees - 9223372036854775807 - 1) > 0"
    org = make_org(
        f"Account: {{validation_rules: [{{name: r, error_condition: '{condition}', message: m}}]}}"
    )
    assert add(org, "Account", Name="a")
    error = create_refusal(org, "Account", {"Name": "a", "NumberOfEmployees": 0})
    assert error.code == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert "can't be evaluated" in error.message


def test_a_rule_may_compare_with_the_orgs_time(make_org: MakeOrg, clock: Clock) -> None:
    org = make_org(
        "Opportunity: {validation_rules: [{name: r, error_condition: CloseDate < :today, message: Past.}]}"
    )
    deal = {"Name": "d", "StageName": "Prospecting", "CloseDate": "2026-03-18"}
    assert org.create("Opportunity", [deal])[0].success
    clock.advance(86_400)
    assert create_refusal(org, "Opportunity", deal).message == "Past."


def test_a_trigger_refuses_create_update_and_delete(make_org: MakeOrg) -> None:
    org = make_org(
        "Account: {triggers: [{name: T, message: 'System.X: no', error_condition: Name = 'bad',"
        " events: [create, update, delete]}]}"
    )
    error = create_refusal(org, "Account", {"Name": "BAD"})
    assert error.code == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert error.message.startswith("T: execution of BeforeInsert\n\ncaused by: System.X: no\n")
    id_ = add(org, "Account", Name="good")
    assert org.update("Account", [{"Id": id_, "Name": "bad"}])[0].errors[0].code == error.code
    assert org.delete("Account", [id_])[0].success


def test_a_delete_trigger_keeps_the_record(make_org: MakeOrg) -> None:
    org = make_org("Account: {triggers: [{name: T, message: m, events: delete}]}")
    id_ = add(org, "Account", Name="a")
    assert "BeforeDelete" in refusal(org.delete("Account", [id_])).message
    assert rows(org, "SELECT Id FROM Account") == [(id_,)]


DUPLICATES = """
Account:
  duplicate_rules: [{name: Name_City, fields: [Name, BillingCity], action: %s}]
"""


def test_a_duplicate_names_the_records_that_match(make_org: MakeOrg) -> None:
    org = make_org(DUPLICATES % "allow")
    first = add(org, "Account", Name="Acme  Ltd", BillingCity="Berlin")
    error = create_refusal(org, "Account", {"Name": " ACME ltd ", "BillingCity": "berlin"})
    assert (error.code, error.message) == ("DUPLICATES_DETECTED", "Use one of these records?")
    assert error.details["duplicateResult"] == {
        "allowSave": True,
        "duplicateRule": "Name_City",
        "duplicateRuleEntityType": "Account",
        "errorMessage": "Use one of these records?",
        "matchResults": [
            {
                "entityType": "Account",
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": [
                    {
                        "additionalInformation": [],
                        "fieldDiffs": [],
                        "matchConfidence": 100.0,
                        "record": {
                            "attributes": {
                                "type": "Account",
                                "url": f"/services/data/v66.0/sobjects/Account/{first}",
                            },
                            "Id": first,
                        },
                    }
                ],
                "rule": "Name_City",
                "size": 1,
                "success": True,
            }
        ],
    }
    assert org.create("Account", [{"Name": "Acme Ltd"}])[0].success
    assert org.create("Account", [{"Name": "Acme Ltd", "BillingCity": "Bonn"}])[0].success


@pytest.mark.parametrize(("action", "passes"), [("allow", True), ("block", False)])
def test_only_a_rule_that_allows_is_passed_by_the_header(
    make_org: MakeOrg, action: str, passes: bool
) -> None:
    org = make_org(DUPLICATES % action)
    record = {"Name": "a", "BillingCity": "b"}
    add(org, "Account", **record)
    [result] = org.create("Account", [record], duplicates=DuplicateHeader(allow_save=True))
    assert result.success is passes


def test_an_update_is_no_duplicate_of_itself_or_of_the_deleted(make_org: MakeOrg) -> None:
    org = make_org(DUPLICATES % "block")
    first = add(org, "Account", Name="a", BillingCity="b")
    other = add(org, "Account", Name="c", BillingCity="b")
    assert org.update("Account", [{"Id": first, "Name": "A"}])[0].success
    assert refusal(org.update("Account", [{"Id": other, "Name": "a"}])).code == "DUPLICATES_DETECTED"
    org.delete("Account", [first])
    assert org.update("Account", [{"Id": other, "Name": "a"}])[0].success


def test_the_example_file_works_from_end_to_end(example: Org) -> None:
    account = add(example, "Account", Name="A", External_Id__c="k")
    invoice = add(example, "Invoice__c", Account__r={"External_Id__c": "k"}, Net__c=100, Order_Number__c="n")
    add(example, "Invoice_Line__c", Name="l", Invoice__c=invoice, Amount__c=5)
    fields = "Name, State__c, Gross__c, Protocol__c, Is_Export__c, Account__r.Name"
    stored = rows(example, f"SELECT {fields} FROM Invoice__c")
    assert stored == [("INV-00001", "Open", 119.0, "P0001", 0, "A")]
    assert refusal(example.delete("Account", [account])).code == "DELETE_FAILED"
    assert example.schema.object("Invoice_Line__c").field("OwnerId") is None
    [error] = example.update("Invoice_Line__c", [{"Id": invoice, "Invoice__c": invoice}])[0].errors
    assert error.code == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert example.update("Invoice__c", [{"Id": invoice, "Net__c": 200, "Tax_Rate__c": None}])[0].success
    assert rows(example, "SELECT Gross__c FROM Invoice__c WHERE Gross__c > 199") == [(200.0,)]
    assert example.delete("Invoice__c", [invoice])[0].success
    assert rows(example, "SELECT Id FROM Invoice_Line__c") == []


def test_a_changed_formula_holds_for_the_rows_of_an_older_file(tmp_path: Path, clock: Clock) -> None:
    path, text = (
        tmp_path / "schema.yaml",
        "Account: {fields: {F__c: {type: formula, returns: double, formula: '%s'}}}",
    )
    for factor in ("NumberOfEmployees * 2", "NumberOfEmployees * 3"):
        path.write_text(text % factor)
        org = Org(schema=load_schema(path), clock=clock, path=str(tmp_path / "org.db"))
        if factor.endswith("2"):
            add(org, "Account", Name="a", NumberOfEmployees=5)
        found = rows(org, "SELECT F__c FROM Account")
        org.close()
    assert found == [(15.0,)]


FILTER = """
Contact:
  fields:
    Sponsor__c: {type: lookup, to: Account, filter: "Industry = 'Energy' AND NumberOfEmployees > 5"}
    Fresh__c: {type: lookup, to: Account, filter: CreatedDate >= :now, filter_message: Too old.}
"""


def test_a_look_up_takes_only_records_that_its_filter_matches(make_org: MakeOrg) -> None:
    org = make_org(FILTER)
    good = add(org, "Account", Name="a", Industry="Energy", NumberOfEmployees=6)
    unknown = add(org, "Account", Name="b", Industry="Energy")
    error = create_refusal(org, "Contact", {"LastName": "l", "Sponsor__c": unknown})
    contact = add(org, "Contact", LastName="l", Sponsor__c=good)

    assert (error.code, error.message, error.fields) == (
        "FIELD_FILTER_VALIDATION_EXCEPTION",
        "Value does not exist or does not match filter criteria.",
        ("Sponsor__c",),
    )
    assert refusal(org.update("Contact", [{"Id": contact, "Sponsor__c": unknown}])).code == error.code
    assert org.update("Contact", [{"Id": contact, "Sponsor__c": None}])[0].success
    key = {"LastName": "m", "Sponsor__r": {"External_Id__c": "none"}}
    assert create_refusal(org, "Contact", key).code == "INVALID_FIELD"


def test_a_filter_is_asked_only_when_its_field_is_written(make_org: MakeOrg) -> None:
    org = make_org(FILTER)
    sponsor = add(org, "Account", Name="a", Industry="Energy", NumberOfEmployees=6)
    contact = add(org, "Contact", LastName="l", Sponsor__c=sponsor)
    org.update("Account", [{"Id": sponsor, "NumberOfEmployees": 1}])

    assert org.update("Contact", [{"Id": contact, "LastName": "m"}])[0].success
    again = refusal(org.update("Contact", [{"Id": contact, "Sponsor__c": sponsor}]))
    assert again.code == "FIELD_FILTER_VALIDATION_EXCEPTION"


def test_a_filter_has_a_message_of_its_own_and_knows_the_time(make_org: MakeOrg) -> None:
    org = make_org(FILTER)
    account = add(org, "Account", Name="a")
    add(org, "Contact", LastName="l", Fresh__c=account)
    org.clock.advance(1)

    assert create_refusal(org, "Contact", {"LastName": "m", "Fresh__c": account}).message == "Too old."


def test_describe_tells_that_a_look_up_is_filtered(make_org: MakeOrg) -> None:
    described = describe_object(make_org(FILTER).schema, "Contact", "66.0")
    fields = {field["name"]: field for field in described["fields"]}

    assert fields["Sponsor__c"]["filteredLookupInfo"] == {
        "controllingFields": [],
        "dependent": False,
        "optionalFilter": False,
    }
    assert fields["AccountId"]["filteredLookupInfo"] is None
