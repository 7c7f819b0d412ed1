from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines.emulator.csv_values import ABSENT, parse_csv_value
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import FieldSchema, OrgSchema


def _field(schema: OrgSchema, path: str) -> FieldSchema:
    sobject, name = path.split(".")
    field = schema.object(sobject).field(name)
    assert field is not None
    return field


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("Account.Name", "", ABSENT),
        ("Account.Name", "#N/A", None),
        ("Account.Name", " as sent ", " as sent "),
        ("Account.NumberOfEmployees", "12.0", 12),
        ("Account.AnnualRevenue", "9.1E8", 9.1e8),
        ("Contact.DoNotCall", "TRUE", True),
        ("Contact.DoNotCall", "0", False),
        ("Opportunity.CloseDate", "2026-01-31", "2026-01-31"),
        ("Account.Last_Seen__c", "2026-01-31T10:00:00+01:00", "2026-01-31T10:00:00+01:00"),
    ],
)
def test_a_cell_becomes_a_rest_value(schema: OrgSchema, path: str, text: str, value: Any) -> None:
    assert parse_csv_value(_field(schema, path), text) == value


@pytest.mark.parametrize(
    ("path", "text", "xsd"),
    [
        ("Opportunity.CloseDate", "x", "xsd:date"),
        ("Opportunity.CloseDate", "2026-02-31", "xsd:date"),
        ("Account.Last_Seen__c", "yesterday", "xsd:dateTime"),
        ("Account.NumberOfEmployees", "1.5", "xsd:int"),
        ("Account.AnnualRevenue", "1_000", "xsd:double"),
        ("Account.AnnualRevenue", "nan", "xsd:double"),
        ("Contact.DoNotCall", "maybe", "xsd:boolean"),
    ],
)
def test_a_bad_cell_gets_bulks_own_text(schema: OrgSchema, path: str, text: str, xsd: str) -> None:
    with pytest.raises(SalesforceError) as caught:
        parse_csv_value(_field(schema, path), text, 2)
    assert caught.value.code == "INVALID_FIELD"
    assert caught.value.message == (
        f"Failed to deserialize field at col 2. Due to, '{text}' is not a valid value for the type {xsd}"
    )
    assert caught.value.fields == (path.split(".")[1],)
