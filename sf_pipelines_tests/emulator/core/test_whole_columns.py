"""A column converted at once holds what its cells hold when they are converted one by one."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.csv_values import parse_csv_column, parse_csv_value
from sf_pipelines.emulator.dml.cells import cell_parser
from sf_pipelines.emulator.dml.convert import convert_column
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.ids import IdFactory, is_well_formed, to_18
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.values import java_double, java_doubles

ACCOUNT = load_schema(None).object("Account")
FIELDS = ["Name", "Industry", "AnnualRevenue", "NumberOfEmployees", "BillingLatitude", "Last_Seen__c"]

floats = st.floats(-1e7, 1e7) | st.integers(-(10**9), 10**9).map(lambda number: number / 1000)
values = (
    st.lists(st.text(max_size=5) | st.just("x" * 300), min_size=1)
    | st.lists(floats, min_size=1)
    | st.lists(st.integers(-(10**9), 10**9), min_size=1)
    | st.lists(st.sampled_from(["a", None, ABSENT, 1, "2026-01-01T00:00:00Z"]), min_size=1)
)
cells = st.lists(
    st.sampled_from(["", "1", "-2.50", "1e3", "#N/A", "x", "9" * 17, "2026-01-01T00:00:00Z", "+1", "٣"]),
    min_size=1,
)


def field(name: str) -> FieldSchema:
    found = ACCOUNT.field(name)
    assert found is not None
    return found


def one_by_one(parse: Any, column: list[Any]) -> list[Any] | None:
    try:
        return [value if value is ABSENT or value is None else parse(value) for value in column]
    except SalesforceError:
        return None


@pytest.mark.parametrize("name", FIELDS)
@given(column=values)
def test_stored_values_are_those_of_the_cells(name: str, column: list[Any]) -> None:
    whole = convert_column(field(name), column)

    if whole is not None:
        assert whole == one_by_one(cell_parser(field(name)), column)


@pytest.mark.parametrize("name", [*FIELDS, "IsDeleted"])
@given(column=cells)
def test_csv_values_are_those_of_the_cells(name: str, column: list[str]) -> None:
    whole = parse_csv_column(field(name), column)

    if whole is not None:
        assert whole == one_by_one(lambda text: parse_csv_value(field(name), text), column)


@given(number=floats | st.integers(-(10**7), 10**7).map(lambda number: number + 0.5))
def test_decimals_are_rounded_half_up_as_their_text_reads(number: float) -> None:
    rounded = Decimal(repr(number)).quantize(Decimal(1), ROUND_HALF_UP)

    assert cell_parser(field("AnnualRevenue"))(number) == float(rounded)


@given(numbers=st.lists(floats | st.floats(allow_nan=False, allow_infinity=False)))
@example(numbers=[0.0, -0.0, 1e-3, 1e7, 9999999.999, -5.5])
def test_doubles_are_written_as_one_by_one(numbers: list[float]) -> None:
    assert java_doubles(numbers) == list(map(java_double, numbers))


@given(first=st.integers(0, 5000), count=st.integers(1, 200))
def test_ids_taken_together_are_those_taken_one_by_one(first: int, count: int) -> None:
    together, alone = IdFactory({"001": first}), IdFactory({"001": first})
    ids = together.take("001", count)

    assert ids == [alone.next("001") for _ in range(count)]
    assert len(set(ids)) == count
    assert all(is_well_formed(id_) and to_18(id_[:15]) == to_18(id_) == id_ for id_ in ids)
