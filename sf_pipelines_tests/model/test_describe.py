from __future__ import annotations

import pytest

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe

NAME = FieldDescribe(name="Name", type="string", nillable=False)
ACCOUNT = SObjectDescribe(
    name="Account",
    key_prefix="001",
    createable=True,
    updateable=True,
    deletable=True,
    queryable=True,
    fields={"Name": NAME},
)


@pytest.mark.parametrize("asked", ["Name", "name", "NAME"])
def test_a_field_is_found_whatever_its_case(asked: str) -> None:
    assert ACCOUNT.field(asked) is NAME


def test_a_field_that_the_object_lacks_is_none() -> None:
    assert ACCOUNT.field("Nam") is None


@pytest.mark.parametrize(
    ("field", "required"),
    [
        (NAME, True),
        (FieldDescribe(name="Phone", type="phone"), False),
        (FieldDescribe(name="OwnerId", type="reference", nillable=False, defaulted_on_create=True), False),
        (FieldDescribe(name="CreatedDate", type="datetime", nillable=False, createable=False), False),
    ],
    ids=["not nillable", "nillable", "defaulted", "read-only"],
)
def test_what_a_create_must_bring(field: FieldDescribe, required: bool) -> None:
    assert field.is_required_on_create is required


@pytest.mark.parametrize(
    ("type_", "carried"),
    [("string", True), ("datetime", True), ("address", False), ("location", False), ("base64", False)],
)
def test_bulk_carries_neither_compound_nor_binary_fields(type_: str, carried: bool) -> None:
    assert FieldDescribe(name="Any__c", type=type_).is_carried_by_bulk is carried
