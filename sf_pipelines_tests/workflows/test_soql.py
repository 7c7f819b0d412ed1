"""SOQL is made of names and literals: whatever a value holds, it stays a value."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sf_pipelines.emulator.soql.literals import Literals
from sf_pipelines.emulator.soql.nodes import Comparison
from sf_pipelines.emulator.soql.parser import parse
from sf_pipelines.model.extract import IdRange
from sf_pipelines.model.slice import Window
from sf_pipelines.workflows.errors import SyncError
from sf_pipelines.workflows.soql import api_name, number_literal, select, text_literal

DAY = Window(start=datetime(2026, 3, 4, tzinfo=UTC), end=datetime(2026, 3, 5, tzinfo=UTC))
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(alphabet="'\\\n\r\t\b\f\"%_u00e9 )(OR=").map(lambda text: text * 2),
)


@settings(deadline=None)  # the first query builds the parser
@given(TEXTS)
def test_a_text_literal_is_one_value_with_that_text(text: str) -> None:
    soql = f"SELECT Id FROM Account WHERE Name = {text_literal(text)}"

    condition = parse(soql).where

    assert isinstance(condition, Comparison)
    (value,) = condition.values
    assert Literals(soql=soql, now=DAY.start).text(value) == text


@pytest.mark.parametrize("number", ["0", "-12", "+3.50", "1000000"])
def test_a_number_stands_as_it_is(number: str) -> None:
    assert number_literal(number) == number


@given(TEXTS)
def test_what_is_no_number_becomes_none(text: str) -> None:
    assert number_literal(f"1) OR (Id != null{text}") is None


@pytest.mark.parametrize("name", ["Account", "External_Id__c", "Account.External_Id__c", "Owner:User.Name"])
def test_names_may_stand_in_soql(name: str) -> None:
    assert api_name(name) == name


@pytest.mark.parametrize(
    "text", ["", "Account WHERE Id != null", "Id, Name", "Id--", "1Id", "A.", "Näme", "Id\n", "(SELECT Id)"]
)
def test_nothing_else_may(text: str) -> None:
    with pytest.raises(SyncError, match="is no API name"):
        api_name(text)
    with pytest.raises(SyncError, match="is no API name"):
        select(text, ["Id"], DAY)
    with pytest.raises(SyncError, match="is no API name"):
        select("Account", [text], DAY)


def test_ids_of_a_range_are_literals_too() -> None:
    soql = select("Account", ["Id"], DAY, IdRange(start="001' OR Name != '", end=None))

    assert soql.endswith(r"Id >= '001\' OR Name != \''")
