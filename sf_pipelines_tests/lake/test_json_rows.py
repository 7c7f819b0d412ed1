"""Rows of a payload as JSON: what becomes a number or a boolean, and what stays text for the org to judge."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sf_pipelines.lake.json_rows import to_json_records
from sf_pipelines_tests.lake.samples import describe, text_batch


def _value(kind: str, text: str | None) -> dict[str, Any]:
    records = to_json_records(text_batch({"F": [text]}), describe(F=kind), "Thing__c")
    return {name: value for name, value in records[0].items() if name != "attributes"}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "12", 12),
        ("int", "-7", -7),
        ("double", "1.50", 1.5),
        ("currency", "9.1E8", 9.1e8),
        ("percent", ".5", 0.5),
        ("double", "12345678901234567890123", 1.2345678901234568e22),
        ("boolean", "TRUE", True),
        ("boolean", "0", False),
        ("string", "007", "007"),
        ("string", "true", "true"),
        ("date", "2026-01-05", "2026-01-05"),
    ],
)
def test_text_becomes_the_json_value_of_its_field(kind: str, text: str, value: object) -> None:
    assert _value(kind, text) == {"F": value}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("double", "1_000"), ("double", "nan"), ("double", "Infinity"), ("double", "1e999"), ("int", " 7"),
        ("int", "٣"), ("int", "1,5"), ("boolean", "maybe"),
    ],
)  # fmt: skip
def test_what_is_no_such_value_stays_text(kind: str, text: str) -> None:
    assert _value(kind, text) == {"F": text}


def test_null_is_left_out_and_the_bulk_word_for_null_is_null() -> None:
    assert _value("string", None) == {}
    assert _value("string", "#N/A") == {"F": None}


def test_every_record_has_its_type_and_a_parent_keeps_its_path() -> None:
    batch = text_batch({"Account.Key__c": ["A-1", None], "Name": ["x", "y"]})

    records = to_json_records(batch, describe(Name="string"), "Contact")

    assert records == [
        {"attributes": {"type": "Contact"}, "Account.Key__c": "A-1", "Name": "x"},
        {"attributes": {"type": "Contact"}, "Name": "y"},
    ]


@pytest.mark.parametrize("kind", ["int", "boolean", "reference"])
def test_the_bulk_word_for_null_is_null_for_a_field_of_any_type(kind: str) -> None:
    assert _value(kind, "#N/A") == {"F": None}


def test_a_parent_of_one_of_several_types_keeps_its_path_and_its_text() -> None:
    (record,) = to_json_records(text_batch({"Lead:Who.Key__c": ["007"]}), describe(Name="string"), "Task")

    assert record["Lead:Who.Key__c"] == "007"


def test_a_field_is_known_whatever_the_case_of_its_name() -> None:
    (record,) = to_json_records(text_batch({"COUNT": ["5"]}), describe(Count="int"), "Thing__c")

    assert record["COUNT"] == 5


@pytest.mark.parametrize("text", ["9" * 18, "9" * 19, "-" + "9" * 30])
def test_large_numbers_can_be_written_as_json(text: str) -> None:
    assert float(orjson.loads(orjson.dumps(_value("double", text)))["F"]) == float(text)
