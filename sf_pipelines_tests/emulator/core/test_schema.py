from __future__ import annotations

import re
from pathlib import Path

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.errors import SchemaError
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.schema.model import FieldSchema, OrgSchema

CUSTOM = """
Invoice__c:
  label: Invoice
  fields:
    Number__c:
      {type: string, length: 20, unique: true, external_id: true, case_sensitive: true, required: true}
    Account__c: {type: reference, to: [Account], children: Invoices}
    State__c: {type: picklist, values: [Open, Paid], restricted: true, default: Open}
    Tags__c: {type: multipicklist, values: [a, b, c], restricted: true}
    Total__c: {type: currency, precision: 10, scale: 2}
    At__c: {type: time}
Account:
  fields:
    Code__c: {type: double, precision: 6, scale: 0, unique: true, external_id: true}
"""


@pytest.fixture
def custom(tmp_path: Path) -> OrgSchema:
    return load_schema(_file(tmp_path, CUSTOM))


def _file(folder: Path, text: str) -> Path:
    path = folder / "schema.yaml"
    path.write_text(text, "utf-8")
    return path


def _field(schema: OrgSchema, sobject: str, name: str) -> FieldSchema:
    field = schema.object(sobject).field(name)
    assert field is not None
    return field


@pytest.mark.parametrize("sobject", ["Account", "Contact", "Lead", "Opportunity"])
def test_the_default_schema_has_an_external_id_on_every_crm_object(schema: OrgSchema, sobject: str) -> None:
    field = _field(schema, sobject, "External_Id__c")
    assert (field.length, field.unique, field.external_id, field.case_sensitive) == (64, True, True, False)


@pytest.mark.parametrize(
    ("sobject", "required"),
    [
        ("Account", ["Name"]),
        ("Contact", ["LastName"]),
        ("Lead", ["LastName", "Company"]),
        ("Opportunity", ["Name", "StageName", "CloseDate"]),
    ],
)
def test_required_fields_are_salesforces_own(schema: OrgSchema, sobject: str, required: list[str]) -> None:
    assert [field.name for field in schema.object(sobject).required_fields] == required


def test_an_opportunity_has_the_ten_standard_stages(schema: OrgSchema) -> None:
    stage = _field(schema, "Opportunity", "StageName")
    assert stage.restricted_picklist
    assert len(stage.picklist_values) == 10
    assert {"Closed Won", "Closed Lost"} <= {entry.value for entry in stage.picklist_values}


def test_names_are_found_in_any_case(schema: OrgSchema) -> None:
    assert schema.object("aCCount").name == "Account"
    assert _field(schema, "account", "BILLINGCITY").compound_field_name == "BillingAddress"
    assert schema.object("Account").relationship("owner") is _field(schema, "Account", "OwnerId")


def test_an_unknown_object_is_a_missing_url_or_a_bad_type(schema: OrgSchema) -> None:
    with pytest.raises(SalesforceError) as url:
        schema.object("Nope")
    assert (url.value.code, url.value.status) == ("NOT_FOUND", 404)
    with pytest.raises(SalesforceError, match="sObject type 'Nope' is not supported") as body:
        schema.object("Nope", missing="INVALID_TYPE")
    assert (body.value.code, body.value.status) == ("INVALID_TYPE", 400)


def test_a_custom_object_gets_id_name_owner_and_audit_fields(custom: OrgSchema) -> None:
    invoice = custom.object("Invoice__c")
    assert invoice.custom
    assert {"Id", "Name", "OwnerId", "IsDeleted", "CreatedDate", "SystemModstamp"} <= {
        f.name for f in invoice.fields
    }
    assert _field(custom, "Invoice__c", "Account__c").relationship_name == "Account__r"
    assert [c.child for c in custom.children("Account") if c.field.name == "Account__c"] == ["Invoice__c"]


def test_a_custom_object_works_from_end_to_end(custom: OrgSchema, clock: Clock) -> None:
    org = Org(schema=custom, clock=clock)
    org.create("Account", [{"Name": "A", "Code__c": 7}])
    record = {
        "Name": "I-1",
        "Number__c": "n1",
        "Account__r": {"Code__c": 7},
        "Tags__c": "c;A",
        "At__c": "10:00:00Z",
    }
    assert org.upsert("Invoice__c", "Number__c", [record])[0].created
    assert not org.upsert("Invoice__c", "Number__c", [{**record, "Total__c": 1.005}])[0].created
    assert org.upsert("Invoice__c", "Number__c", [{**record, "Number__c": "N1"}])[0].created
    fields = "Number__c, Account__r.Name, State__c, Tags__c, Total__c"
    soql = f"SELECT {fields} FROM Invoice__c WHERE Tags__c INCLUDES ('a;c')"
    assert list(org.query(soql).rows) == [("n1", "A", "Open", "c;a", 1.01), ("N1", "A", "Open", "c;a", None)]
    assert org.query("SELECT Id FROM Invoice__c WHERE Tags__c EXCLUDES ('b')").total_size == 2
    assert org.query("SELECT Id FROM Invoice__c WHERE Number__c = 'n1'").total_size == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Account: [", "isn't valid YAML"),
        ("- Account", "must be a mapping"),
        ("Account: {fields: {Foo: {}}}", "must end in '__c'"),
        ("Foo: {fields: {A__c: {}}}", "must end in '__c'"),
        ("Account: {colour: red}", "unknown keys"),
        ("Account: {fields: {A__c: {colour: red}}}", "unknown keys"),
        ("Account: {fields: {A__c: {derived: '1'}}}", "unknown keys"),
        ("Account: {fields: {A__c: {type: words}}}", "line 1: Account.A__c has the unknown type 'words'"),
        (
            "Account:\n  fields:\n    A__c: {type: int}\n    A__c: {type: int}\n",
            "line 4: A__c stands here twice",
        ),
        (
            "Account:\n  fields:\n    A__c: {length: ten}",
            "line 3: Account.A__c: the value of 'length' must be a int",
        ),
        ("Account: {fields: {A__c: {length: 0}}}", "'length' must be from 1 to"),
        ("Account: {fields: {A__c: {type: number, precision: 2, scale: 3}}}", "'scale' can't be more"),
        ("Account: {fields: {A__c: {type: text, scale: true}}}", "'scale' must be a int"),
        ("Account: {fields: {A__c: {type: text, values: [a]}}}", "only combobox and"),
        ("Account: {fields: {A__c: {type: picklist, values: [yes]}}}", "a picklist value is text"),
        ("Account: {fields: {A__c: {type: picklist, values: [a, a]}}}", "a picklist value twice"),
        (
            "Account: {fields: {A__c: {type: picklist, values: [a], restricted: true, default: b}}}",
            "isn't one of",
        ),
        ("Account: {fields: {A__c: {type: auto_number}}}", "is an auto-number: add `format:`"),
        ("Account: {fields: {A__c: {type: formula, formula: '1'}}}", "add `returns:`"),
        ("Account: {fields: {A__c: {type: formula, returns: int, formula: '1'}}}", "add `returns:`"),
        (
            "Account: {fields: {A__c: {type: formula, returns: double, formula: Nme * 2}}}",
            "no such column: Nme",
        ),
        ("Account: {fields: {A__c: {type: formula, returns: double, formula: '\"Nme\"'}}}", "without quotes"),
        (
            "Account: {fields: {A__c: {type: formula, returns: date, formula: date('now')}}}",
            "isn't an SQL expression",
        ),
        (
            "Account: {fields: {A__c: {type: formula, returns: double, formula: (SELECT 1)}}}",
            "isn't an SQL express",
        ),
        (
            "Account: {fields: {A__c: {type: lookup, to: Account, relationship: Parent}}}",
            "Parent exists already",
        ),
        ("Contact: {fields: {A__c: {type: master_detail, to: Account}}}", "a standard object none"),
        ("A__c: {fields: {B__c: {type: master_detail, to: A__c}}}", "can't be the master of itself"),
        ("A__c: {name: {format: x}}", "is an auto-number"),
        ("Account: {validation_rules: {name: a}}", "must be a list of rules"),
        ("Account: {validation_rules: [{name: a, message: m}]}", "needs 'error_condition'"),
        ("Account: {validation_rules: [{name: a, error_condition: '1'}]}", "needs 'message'"),
        ("Account: {validation_rules: [{name: a, error_condition: Nme, message: m}]}", "no such column: Nme"),
        ("Account: {validation_rules: [{name: a, colour: red}]}", "a rule has unknown keys"),
        (
            "Account: {validation_rules: [{name: a, error_condition: '1', message: m, field: B}]}",
            "names the field 'B'",
        ),
        (
            "Account: {validation_rules: [{name: a, error_condition: '1', message: m, events: delete}]}",
            "'events' lists",
        ),
        ("Account: {triggers: [{name: a, message: m}, {name: A, message: m}]}", "two rules named 'a'"),
        ("Account: {duplicate_rules: [{name: a}]}", "needs 'fields'"),
        ("Account: {duplicate_rules: [{name: a, fields: [AnnualRevenue]}]}", "can't be matched"),
        (
            "Account: {duplicate_rules: [{name: a, fields: [Name], action: warn}]}",
            "'action' is block or allow",
        ),
        ("Account: {fields: {A__c: {type: reference}}}", "without a target"),
        ("Account: {fields: {A__c: {type: lookup, to: Lead, filter: Nme = 1}}}", "no such column: Nme"),
        ("Account: {fields: {A__c: {type: lookup, to: [Lead, User], filter: '1'}}}", "has one target"),
        ("Account: {fields: {A__c: {type: lookup, to: Lead, filter_message: m}}}", "which isn't there"),
        ("Account: {fields: {A__c: {type: text, filter: '1'}}}", "fields have 'filter'"),
        ("Account: {fields: {A__c: {type: reference, to: [Nope]}}}", "isn't in the schema"),
        ("Account: {fields: {A__c: {type: picklist}}}", "without values"),
        ("Account: {fields: {A__c: {type: date, default: '2024-01-01'}}}", "default of a date"),
        ("Account: {fields: {A__c: {type: boolean, default: 'no'}}}", "default of a boolean"),
        ("Account: {fields: {A__c: {type: date, unique: true}}}", "can be unique"),
        ("Foo__c: {key_prefix: '001'}", "key prefix '001' is taken"),
    ],
)
def test_a_wrong_schema_file_is_refused_with_the_mend(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(message)) as caught:
        load_schema(_file(tmp_path, text))
    assert "schema.yaml" in str(caught.value)
