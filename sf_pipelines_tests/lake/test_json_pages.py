"""REST pages: nested parents, compound fields, untyped fields, and values that do not fit."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from sf_pipelines.lake.errors import LakeError
from sf_pipelines.lake.json_pages import json_page_to_batch
from sf_pipelines.lake.types import ADDRESS


def _column(kind: pa.DataType, *values: Any) -> list[Any]:
    batch = json_page_to_batch([{"F": value} for value in values], pa.schema([("F", kind)]))
    return batch.column("F").to_pylist()


def test_a_parents_field_is_found_by_its_path_and_a_missing_parent_is_null() -> None:
    schema = pa.schema([("Id", pa.string()), ("Account.Owner.Name", pa.string())])
    records = [
        {"Id": "1", "Account": {"attributes": {"type": "Account"}, "Owner": {"Name": "Ann"}}},
        {"Id": "2", "Account": {"Owner": None}},
        {"Id": "3", "Account": None},
        {"Id": "4"},
    ]

    batch = json_page_to_batch(records, schema)

    assert batch.column("Account.Owner.Name").to_pylist() == ["Ann", None, None, None]


def test_an_address_keeps_its_parts_and_may_lack_some() -> None:
    (full, nothing) = _column(ADDRESS, {"city": "Oslo", "latitude": 60, "unknown": 1}, None)

    assert full == {**dict.fromkeys(field.name for field in ADDRESS), "city": "Oslo", "latitude": 60.0}
    assert nothing is None


def test_values_of_a_field_without_a_type_are_text() -> None:
    assert _column(pa.string(), True, 5, 1.5, {"a": [1]}, "", None) == [
        "true",
        "5",
        "1.5",
        '{"a":[1]}',
        None,
        None,
    ]


def test_numbers_fit_their_type_in_any_form() -> None:
    assert _column(pa.int32(), 12.0, -3, None) == [12, -3, None]
    assert _column(pa.float64(), 2**53 + 1, 999_999_999_999_999_999, None) == [float(2**53 + 1), 1e18, None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.int32(), 12.5),
        (pa.int32(), 2**31),
        (pa.int32(), "x"),
        (pa.bool_(), 7),
        (pa.bool_(), "maybe"),
        (pa.float64(), [1]),
        (ADDRESS, "Main St 1"),
        (pa.date32(), "05.01.2026"),
        (pa.timestamp("ms", "UTC"), "2026-01-05"),
        (pa.time32("ms"), "noon"),
    ],
)
def test_a_value_that_does_not_fit_is_told_by_its_column(kind: pa.DataType, value: Any) -> None:
    with pytest.raises(LakeError, match="The column F holds a value that is no ") as told:
        _column(kind, value)

    assert "\n" not in str(told.value)


def test_a_page_without_records_has_the_columns() -> None:
    schema = pa.schema([("Id", pa.string()), ("At", pa.timestamp("ms", "UTC")), ("Home", ADDRESS)])

    assert json_page_to_batch([], schema).schema.equals(schema)
