"""Bodies of change events: compound fields and their parts, absent fields, and values that do not fit."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from sf_pipelines.lake.change_rows import change_bodies_to_batch, part_name
from sf_pipelines.lake.errors import MisfitError
from sf_pipelines.lake.json_pages import json_page_to_batch
from sf_pipelines.lake.types import arrow_schema
from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe
from sf_pipelines_tests.lake.samples import describe


def field(name: str, whole: str | None = None) -> FieldDescribe:
    return FieldDescribe(name=name, type="string", compound_field_name=whole)


@pytest.mark.parametrize(
    ("name", "whole", "part"),
    [
        ("BillingStreet", "BillingAddress", "Street"),
        ("BillingStateCode", "BillingAddress", "StateCode"),
        ("MailingLatitude", "MailingAddress", "Latitude"),
        ("FirstName", "Name", "FirstName"),
        ("Name", "Name", None),
        ("Site__Latitude__s", "Site__c", "Latitude"),
        ("Home__Street__s", "Home__c", "Street"),
        ("Industry", None, None),
    ],
)
def test_the_name_of_a_part_within_its_compound_field(name: str, whole: str | None, part: str | None) -> None:
    assert part_name(field(name, whole)) == part


def test_parts_and_wholes_of_an_address_are_those_of_rest() -> None:
    account = with_parts(describe(BillingAddress="address", BillingCity="string", BillingLatitude="double"))
    schema = arrow_schema(account, tuple(account.fields))
    event = {"BillingAddress": {"Street": "1 Way", "City": "Oslo", "StateCode": None, "Latitude": 59.9}}
    by_rest = {
        "BillingAddress": {"street": "1 Way", "city": "Oslo", "stateCode": None, "latitude": 59.9},
        "BillingCity": "Oslo",
        "BillingLatitude": 59.9,
    }

    batch = change_bodies_to_batch([event, {}], schema, account)

    assert batch.equals(json_page_to_batch([by_rest, dict.fromkeys(account.fields)], schema))


def test_fields_that_an_event_lacks_are_null() -> None:
    thing = describe(Name="string", IsDeleted="boolean", SystemModstamp="datetime")
    batch = change_bodies_to_batch([{"Name": ""}], arrow_schema(thing, tuple(thing.fields)), thing)
    assert batch.to_pylist() == [{"Name": None, "IsDeleted": None, "SystemModstamp": None}]


@pytest.mark.parametrize(
    ("kind", "value"), [("date", 86_400_001), ("int", 2**40), ("boolean", "yes"), ("double", "many")]
)
def test_a_value_that_is_not_of_its_type_is_refused_by_column(kind: str, value: object) -> None:
    thing = describe(Thing=kind)
    with pytest.raises(MisfitError, match="The column Thing holds a value that is no"):
        change_bodies_to_batch([{"Thing": value}], arrow_schema(thing, ("Thing",)), thing)


def with_parts(account: SObjectDescribe) -> SObjectDescribe:
    fields = {
        name: item if name == "BillingAddress" else replace(item, compound_field_name="BillingAddress")
        for name, item in account.fields.items()
    }
    return replace(account, fields=fields)


def test_no_event_gives_an_empty_batch_of_the_same_shape() -> None:
    thing = describe(Name="string", Day="date")
    schema = arrow_schema(thing, tuple(thing.fields))
    assert change_bodies_to_batch([], schema, thing).equals(
        pa.RecordBatch.from_pylist([], schema=schema), check_metadata=True
    )
