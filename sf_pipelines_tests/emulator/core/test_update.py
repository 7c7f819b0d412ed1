from __future__ import annotations

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import DEAL, add, refusal, rows


def test_only_named_fields_change_and_the_stamp_moves(org: Org, clock: Clock) -> None:
    id_ = add(org, "Account", Name="A", Phone="1")
    clock.advance(5)
    assert org.update("Account", [{"id": id_[:15], "Phone": None}])[0].id == id_
    record = org.retrieve("Account", id_)
    assert (record["Name"], record["Phone"]) == ("A", None)
    assert record["CreatedDate"].endswith("10:30:15.123+0000")
    assert record["SystemModstamp"] == record["LastModifiedDate"] == "2026-03-18T10:30:20.123+0000"


def test_rows_with_different_fields_go_together(org: Org) -> None:
    ids = [add(org, "Account", Name=name, Phone="1", Site="s") for name in "ab"]
    org.update("Account", [{"Id": ids[0], "Phone": "2"}, {"Id": ids[1], "Site": "t", "Phone": ABSENT}])
    assert rows(org, "SELECT Phone, Site FROM Account") == [("2", "s"), ("1", "t")]


def test_each_kind_of_bad_id_has_its_error(org: Org) -> None:
    gone = add(org, "Account", Name="A")
    org.delete("Account", [gone])
    records = [{"Name": "x"}, {"Id": "abc"}, {"Id": org.user_id}, {"Id": "001xx0000000zzzAAA"}, {"Id": gone}]
    results = org.update("Account", records)
    assert [result.errors[0].code for result in results] == [
        "MISSING_ARGUMENT", "MALFORMED_ID", "MALFORMED_ID", "INVALID_CROSS_REFERENCE_KEY",
        "ENTITY_IS_DELETED",
    ]  # fmt: skip
    assert results[0].errors[0].message == "Id not specified in an update call"


def test_a_required_field_can_not_be_emptied(org: Org) -> None:
    id_ = add(org, "Account", Name="A")
    assert refusal(org.update("Account", [{"Id": id_, "Name": ""}])).code == "REQUIRED_FIELD_MISSING"


def test_a_field_for_creation_only_is_refused(org: Org) -> None:
    contact = add(org, "Contact", LastName="x")
    deal = add(org, "Opportunity", **DEAL, ContactId=contact)
    error = refusal(org.update("Opportunity", [{"Id": deal, "ContactId": None}]))
    assert (error.code, error.fields) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ("ContactId",))


def test_a_new_stage_brings_its_probability_and_the_same_stage_keeps_it(org: Org) -> None:
    deal = add(org, "Opportunity", **DEAL, Probability=33)
    org.update("Opportunity", [{"Id": deal, "StageName": "Prospecting"}])
    assert org.retrieve("Opportunity", deal, ["Probability"])["Probability"] == 33.0
    org.update("Opportunity", [{"Id": deal, "StageName": "Closed Won"}])
    record = org.retrieve("Opportunity", deal, ["Probability", "ForecastCategoryName"])
    assert (record["Probability"], record["ForecastCategoryName"]) == (100.0, "Closed")


def test_a_record_may_keep_its_own_unique_value(org: Org) -> None:
    id_ = add(org, "Account", Name="A", External_Id__c="k")
    other = add(org, "Account", Name="B", External_Id__c="l")
    assert org.update("Account", [{"Id": id_, "External_Id__c": "K"}])[0].success
    assert refusal(org.update("Account", [{"Id": other, "External_Id__c": "k"}])).code == "DUPLICATE_VALUE"


def test_all_or_none_leaves_everything_as_it_was(org: Org) -> None:
    id_ = add(org, "Account", Name="A")
    results = org.update("Account", [{"Id": id_, "Name": "B"}, {"Id": "abc"}], all_or_none=True)
    assert [r.errors[0].code for r in results] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "MALFORMED_ID"]
    assert rows(org, "SELECT Name FROM Account") == [("A",)]


def test_a_bad_row_beside_a_row_that_changes_a_key_fails_alone(org: Org) -> None:
    id_ = add(org, "Account", Name="A")
    bad, good = org.update("Account", [{"Name": "x"}, {"Id": id_, "External_Id__c": "E-1"}])
    assert (bad.errors[0].code, good.success) == ("MISSING_ARGUMENT", True)
