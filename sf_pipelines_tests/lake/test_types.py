"""Arrow schemas from describe."""

from __future__ import annotations

import pyarrow as pa
import pytest

from sf_pipelines.lake.errors import LakeError
from sf_pipelines.lake.types import ADDRESS, LOCATION, arrow_schema
from sf_pipelines_tests.lake.samples import describe


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("id", pa.string()),
        ("reference", pa.string()),
        ("multipicklist", pa.string()),
        ("anyType", pa.string()),
        ("complexvalue", pa.string()),
        ("encryptedstring", pa.string()),
        ("base64", pa.string()),
        ("boolean", pa.bool_()),
        ("int", pa.int32()),
        ("long", pa.int64()),
        ("double", pa.float64()),
        ("currency", pa.float64()),
        ("percent", pa.float64()),
        ("date", pa.date32()),
        ("datetime", pa.timestamp("ms", "UTC")),
        ("time", pa.time32("ms")),
        ("address", ADDRESS),
        ("location", LOCATION),
    ],
)
def test_a_field_has_the_type_that_salesforce_gives_it(kind: str, expected: pa.DataType) -> None:
    field = arrow_schema(describe(F=kind), ["F"]).field("F")

    assert field.type == expected
    assert field.metadata == {b"sf_type": kind.encode()}


def test_fields_keep_the_asked_for_order_and_the_orgs_spelling() -> None:
    schema = arrow_schema(describe(Name="string", Id="id"), ["id", "NAME"])

    assert schema.names == ["Id", "Name"]


def test_a_parents_field_is_typed_by_the_parents_describe() -> None:
    schema = arrow_schema(
        describe(Id="id"), ["Id", "Owner.CreatedDate"], parents={"Owner": describe(CreatedDate="datetime")}
    )

    assert schema.field("Owner.CreatedDate").type == pa.timestamp("ms", "UTC")


@pytest.mark.parametrize("path", ["Nme", "Owner.Name"])
def test_a_field_that_no_describe_has_is_named(path: str) -> None:
    with pytest.raises(LakeError, match=f"Thing__c has no field {path} in its describe"):
        arrow_schema(describe(Name="string"), [path])
