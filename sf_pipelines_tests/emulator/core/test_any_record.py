"""The law of every write: any JSON record is stored and reads back as documented, or is refused by a code."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sf_pipelines.emulator.schema.loader as loader
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.schema.model import FieldSchema

EXAMPLE = Path(loader.__file__).with_name("example.yaml")
TEXT_AS_IT_IS = frozenset({"string", "textarea", "email", "url", "phone"})
OBJECTS = sorted({"Account", "Contact", "Lead", "Opportunity", "Case", "Task", "Campaign",
                  "CampaignMember", "OpportunityLineItem", "PricebookEntry", "Product2", "Invoice__c",
                  "Invoice_Line__c"})  # fmt: skip
SCHEMA = load_schema(EXAMPLE)
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "int": st.integers(-(10**10), 10**10),
    **dict.fromkeys(
        ("double", "currency", "percent"), st.floats(-1e20, 1e20) | st.integers(-(10**20), 10**20)
    ),
    "date": st.dates().map(str) | st.sampled_from(["2026-02-30", "", "1492-01-01"]),
    "datetime": st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    "time": st.times().map(lambda time: time.isoformat(timespec="milliseconds") + "Z"),
    "email": st.emails() | st.text(max_size=90),
}
ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300)
    | st.lists(st.none(), max_size=2) | st.dictionaries(st.text(max_size=9), st.integers(), max_size=2)
)  # fmt: skip


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    org = Org(schema=SCHEMA, clock=Clock(datetime(2026, 3, 18, tzinfo=UTC), frozen=True))
    yield org
    org.close()


def _value(field: FieldSchema) -> st.SearchStrategy[Any]:
    fitting = PLAIN.get(field.type)
    if field.picklist_values:
        fitting = st.sampled_from([entry.value for entry in field.picklist_values])
    return st.one_of(st.text(max_size=90) if fitting is None else fitting, ANYTHING)


@st.composite
def _records(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    item = SCHEMA.object(draw(st.sampled_from(OBJECTS)))
    must = [field for field in item.fields if field.required]
    some = draw(st.lists(st.sampled_from(item.fields), max_size=6))
    record = {field.name: draw(_value(field)) for field in [*must, *some]}
    if draw(st.booleans()):
        record[draw(st.text(max_size=12))] = draw(ANYTHING)
    return item.name, record


def _expected(field: FieldSchema, value: Any) -> Any:
    """What a stored value reads back as: trimmed text, no blank text, numbers rounded half up to scale."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if field.type in TEXT_AS_IT_IS:
        return value.strip()
    if field.type in ("double", "currency", "percent"):
        number = Decimal(repr(float(value)))
        return float(number.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP))
    return value


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(record=_records())
def test_any_record_is_stored_as_given_or_refused_by_a_code(
    org: Org, record: tuple[str, dict[str, Any]]
) -> None:
    sobject, values = record
    with org.transaction() as transaction:
        [result] = org.create(sobject, [values])
        if result.success:
            _check_stored(org, sobject, result.id or "", values)
        else:
            [error] = result.errors
            assert error.code.isupper()
            assert error.message
        transaction.rollback()


def _check_stored(org: Org, sobject: str, id_: str, values: dict[str, Any]) -> None:
    stored = org.retrieve(sobject, id_)
    json.dumps(stored, allow_nan=False)
    item = org.schema.object(sobject)
    for name, value in values.items():
        field = item.field(name)
        follows = field is not None and (value is None and field.defaulted_on_create)
        if field is None or follows or field.type not in (*TEXT_AS_IT_IS, "double", "currency", "percent"):
            continue
        if field.name not in ("TotalPrice", "UnitPrice"):
            read, wanted = stored[field.name], _expected(field, value)
            assert read == wanted or (isinstance(read, float) and math.isclose(read, wanted)), name


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(record=_records(), key=ANYTHING, change=_records())
def test_any_upsert_update_and_delete_ends_in_results(
    org: Org, record: tuple[str, dict[str, Any]], key: Any, change: tuple[str, dict[str, Any]]
) -> None:
    with org.transaction() as transaction:
        [result] = org.upsert("Account", "External_Id__c", [{**record[1], "External_Id__c": key}])
        ids = [result.id or "", "x"]
        changes = [{**change[1], "Id": id_} for id_ in [*ids, key]]
        for results in (
            org.update(change[0], changes),
            org.delete(record[0], ids),
            org.undelete(record[0], ids),
        ):
            for one in results:
                assert one.success or one.errors[0].code
        transaction.rollback()
