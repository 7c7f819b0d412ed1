from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.emulator.schema.model import OrgSchema
from sf_pipelines.emulator.temporal import parse_datetime
from sf_pipelines.emulator.values import java_double, to_csv, to_rest

MOMENT = parse_datetime("2024-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("name", "stored", "rest", "csv"),
    [
        ("CreatedDate", MOMENT, "2024-01-01T00:00:00.000+0000", "2024-01-01T00:00:00.000Z"),
        ("IsDeleted", 1, True, "true"),
        ("IsDeleted", 0, False, "false"),
        ("AnnualRevenue", 912260031.0, 912260031.0, "9.12260031E8"),
        ("AnnualRevenue", 50.0, 50.0, "50.0"),
        ("NumberOfEmployees", 12, 12, "12"),
        ("Name", "Ann", "Ann", "Ann"),
        ("Name", None, None, ""),
        ("LastActivityDate", "2024-01-01", "2024-01-01", "2024-01-01"),
    ],
)
def test_rest_and_bulk_write_values_in_their_own_forms(
    schema: OrgSchema, name: str, stored: Any, rest: Any, csv: str
) -> None:
    field = schema.object("Account").field(name)
    assert field is not None
    assert to_rest(field, stored) == rest
    assert type(to_rest(field, stored)) is type(rest)
    assert to_csv(field, stored) == csv


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (-1.5e21, "-1.5E21"),
    ],
)
def test_doubles_are_written_as_java_does(number: float, text: str) -> None:
    assert java_double(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_survives_its_text(number: float) -> None:
    assert float(java_double(number)) == number
