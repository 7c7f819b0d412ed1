from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.describe import describe_global, describe_object
from sf_pipelines.emulator.schema.model import OrgSchema

GOLDEN = Path(__file__).parent / "golden" / "describe_case.json"
OBJECT_KEYS = {
    "name", "label", "labelPlural", "keyPrefix", "custom", "createable", "updateable", "deletable",
    "undeletable", "queryable", "replicateable", "retrieveable", "searchable", "mergeable", "triggerable",
    "childRelationships", "recordTypeInfos", "fields", "urls",
}  # fmt: skip
FIELD_KEYS = {
    "name", "label", "type", "soapType", "length", "byteLength", "precision", "scale", "digits", "nillable",
    "createable", "updateable", "defaultedOnCreate", "defaultValue", "custom", "calculated",
    "calculatedFormula", "autoNumber", "externalId", "idLookup", "unique", "caseSensitive", "nameField",
    "namePointing", "referenceTo", "relationshipName", "relationshipOrder", "cascadeDelete",
    "restrictedDelete", "writeRequiresMasterRead", "polymorphicForeignKey", "compoundFieldName",
    "picklistValues", "restrictedPicklist", "dependentPicklist", "controllerName", "filterable",
    "groupable", "sortable", "aggregatable", "permissionable", "encrypted", "deprecatedAndHidden",
}  # fmt: skip


def test_every_documented_key_is_there(schema: OrgSchema) -> None:
    for name in schema.objects:
        described = describe_object(schema, name, "66.0")
        assert set(described) >= OBJECT_KEYS
        assert all(set(field) >= FIELD_KEYS for field in described["fields"])
        json.dumps(described)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Id", {"type": "id", "soapType": "tns:ID", "length": 18, "createable": False, "nillable": False}),
        ("NumberOfEmployees", {"type": "int", "soapType": "xsd:int", "digits": 8}),
        ("AnnualRevenue", {"type": "currency", "soapType": "xsd:double", "precision": 18, "scale": 0}),
        ("BillingLatitude", {"type": "double", "scale": 15, "compoundFieldName": "BillingAddress"}),
        ("BillingAddress", {"type": "address", "soapType": "urn:address", "createable": False}),
        ("Name", {"nameField": True, "length": 255, "byteLength": 765, "nillable": False}),
        ("OwnerId", {"referenceTo": ["User"], "relationshipName": "Owner", "defaultedOnCreate": True}),
        ("External_Id__c", {"externalId": True, "unique": True, "custom": True, "idLookup": True}),
    ],
)
def test_account_fields_are_described_as_salesforce_does(
    schema: OrgSchema, name: str, expected: dict[str, object]
) -> None:
    fields = {field["name"]: field for field in describe_object(schema, "account", "66.0")["fields"]}
    assert {key: fields[name][key] for key in expected} == expected


def test_required_on_create_follows_from_three_keys(schema: OrgSchema) -> None:
    fields = describe_object(schema, "Lead", "66.0")["fields"]
    required = [
        f["name"] for f in fields if f["createable"] and not f["nillable"] and not f["defaultedOnCreate"]
    ]
    assert required == ["LastName", "Company"]


def test_the_keys_of_every_field_agree(schema: OrgSchema) -> None:
    for name in schema.objects:
        described = describe_object(schema, name, "66.0")
        assert sum(field["nameField"] for field in described["fields"]) <= 1
        for field in described["fields"]:
            assert bool(field["referenceTo"]) == (field["type"] == "reference"), (name, field["name"])
            assert not (field["autoNumber"] and field["createable"])
            assert not (field["unique"] and not field["filterable"])
            if field["type"] == "boolean":
                assert not field["nillable"]
                assert field["defaultedOnCreate"]


def test_a_describe_is_as_the_golden_file_has_it(schema: OrgSchema) -> None:
    text = json.dumps(describe_object(schema, "Case", "66.0"), indent=1) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_children_say_which_deletes_cascade(schema: OrgSchema) -> None:
    children = describe_object(schema, "Account", "66.0")["childRelationships"]
    cascades = {
        child["relationshipName"]: child["cascadeDelete"] for child in children if child["relationshipName"]
    }
    assert cascades == {
        "ChildAccounts": False, "Contacts": True, "Opportunities": True, "Cases": False, "Tasks": True,
    }  # fmt: skip
    [cases] = [child for child in children if child["relationshipName"] == "Cases"]
    assert cases["restrictedDelete"]


def test_describe_global_lists_all_objects_without_fields(schema: OrgSchema) -> None:
    described = describe_global(schema, "66.0")
    assert (described["encoding"], described["maxBatchSize"]) == ("UTF-8", 200)
    assert [item["name"] for item in described["sobjects"]] == sorted(schema.objects)
    assert "fields" not in described["sobjects"][0]
    assert described["sobjects"][0]["urls"]["describe"] == "/services/data/v66.0/sobjects/Account/describe"


def test_an_unknown_object_is_not_found(schema: OrgSchema) -> None:
    with pytest.raises(SalesforceError) as caught:
        describe_object(schema, "Nope", "66.0")
    assert caught.value.status == 404
