from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines_tests.emulator.core.helpers import DEAL, add, names, query_refusal, rows


@pytest.fixture
def deals(org: Org) -> Org:
    """Made on Wednesday 2026-03-18 at 10:30:15.123 UTC."""
    add(org, "Opportunity", **{**DEAL, "Name": "June", "CloseDate": "2026-06-30", "Amount": 1234567.5})
    add(org, "Opportunity", **{**DEAL, "Name": "New year", "CloseDate": "2027-01-01", "Amount": -3})
    return org


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("CALENDAR_YEAR(CloseDate) = 2026", ["June"]),
        ("calendar_quarter(CloseDate) = 2", ["June"]),
        ("CALENDAR_MONTH(CloseDate) IN (6, 7)", ["June"]),
        ("FISCAL_YEAR(CloseDate) > 2026", ["New year"]),
        ("FISCAL_QUARTER(CloseDate) = 1", ["New year"]),
        ("FISCAL_MONTH(CloseDate) != 6", ["New year"]),
        ("DAY_IN_MONTH(CloseDate) = 30", ["June"]),
        ("DAY_IN_WEEK(CloseDate) = 6", ["New year"]),
        ("DAY_IN_YEAR(CloseDate) = 181", ["June"]),
        ("WEEK_IN_MONTH(CloseDate) = 5", ["June"]),
        ("WEEK_IN_YEAR(CloseDate) = 1", ["New year"]),
        ("HOUR_IN_DAY(CreatedDate) = 10", ["June", "New year"]),
        ("HOUR_IN_DAY(convertTimezone(CreatedDate)) < 10", []),
        ("DAY_ONLY(CreatedDate) = 2026-03-18", ["June", "New year"]),
        ("DAY_ONLY(CreatedDate) < TODAY", []),
        ("CALENDAR_YEAR(Owner.CreatedDate) = 2026 AND Name = 'June'", ["June"]),
        ("toLabel(StageName) = 'prospecting' AND Name = 'June'", ["June"]),
    ],
)
def test_a_function_of_a_field_can_be_filtered(deals: Org, condition: str, expected: list[str]) -> None:
    assert names(deals, condition, "Opportunity") == expected


def test_a_date_function_groups_and_orders(deals: Org) -> None:
    soql = (
        "SELECT CALENDAR_YEAR(CloseDate), COUNT(Id) FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate) "
        "HAVING CALENDAR_YEAR(CloseDate) > 2000 ORDER BY CALENDAR_YEAR(CloseDate) DESC"
    )
    assert rows(deals, soql) == [(2027, 1), (2026, 1)]
    by_day = "SELECT DAY_ONLY(CreatedDate) d, COUNT(Id) n FROM Opportunity GROUP BY DAY_ONLY(CreatedDate)"
    assert rows(deals, by_day) == [("2026-03-18", 2)]


@pytest.mark.parametrize(
    ("item", "label", "value"),
    [
        ("FORMAT(Amount) shown", "shown", "$1,234,567.50"),
        ("FORMAT(Amount)", "Amount", "$1,234,567.50"),
        ("FORMAT(CloseDate)", "CloseDate", "6/30/2026"),
        ("FORMAT(CreatedDate)", "CreatedDate", "3/18/2026, 10:30 AM"),
        ("FORMAT(Name)", "Name", "June"),
        ("FORMAT(convertCurrency(Amount)) money", "money", "$1,234,567.50"),
        ("convertCurrency(Amount)", "Amount", 1234567.5),
        ("toLabel(StageName)", "StageName", "Prospecting"),
        ("toLabel(Owner.Name)", "Owner.Name", "Integration User"),
    ],
)
def test_a_function_in_select_shows_the_field(deals: Org, item: str, label: str, value: object) -> None:
    result = deals.query(f"SELECT {item} FROM Opportunity WHERE Name = 'June'")
    assert ([column.label for column in result.columns], list(result.rows)) == ([label], [(value,)])


def test_an_amount_below_zero_keeps_its_sign_before_the_currency(deals: Org) -> None:
    assert rows(deals, "SELECT FORMAT(Amount) FROM Opportunity WHERE Name = 'New year'") == [("-$3.00",)]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("CALENDAR_YEAR(Name) = 2026", "The function CALENDAR_YEAR() takes a date or dateTime field"),
        ("HOUR_IN_DAY(CloseDate) = 1", "The function HOUR_IN_DAY() takes a dateTime field"),
        ("DAY_ONLY(CloseDate) = TODAY", "The function DAY_ONLY() takes a dateTime field"),
        ("CALENDAR_YEAR(CloseDate, Name) = 1", "The function CALENDAR_YEAR() takes one field"),
        ("convertCurrency(Name) = 1", "The function convertCurrency() takes a currency field"),
        ("convertTimezone(CloseDate) = TODAY", "The function convertTimezone() takes a dateTime field"),
    ],
)
def test_a_function_of_another_type_is_malformed(deals: Org, condition: str, message: str) -> None:
    error = query_refusal(deals, f"SELECT Id FROM Opportunity WHERE {condition}")
    assert error.code == "MALFORMED_QUERY"
    assert message in error.message


def test_a_date_functions_number_takes_numbers_only(deals: Org) -> None:
    error = query_refusal(deals, "SELECT Id FROM Opportunity WHERE CALENDAR_YEAR(CloseDate) = '2026'")
    assert error.code == "INVALID_FIELD"
    assert "must be of type int" in error.message


@pytest.fixture(scope="module")
def shared_org() -> Org:
    return Org(schema=load_schema(), clock=Clock(datetime(2026, 1, 1, tzinfo=UTC), frozen=True))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_date_functions_agree_with_the_calendar(shared_org: Org, day: date) -> None:
    id_ = add(shared_org, "Opportunity", **{**DEAL, "CloseDate": day.isoformat()})
    first = date(day.year, 1, 1)
    expected = {
        "CALENDAR_YEAR": day.year,
        "CALENDAR_QUARTER": (day.month - 1) // 3 + 1,
        "CALENDAR_MONTH": day.month,
        "DAY_IN_MONTH": day.day,
        "DAY_IN_WEEK": day.isoweekday() % 7 + 1,
        "DAY_IN_YEAR": (day - first).days + 1,
        "WEEK_IN_MONTH": (day.day - 1) // 7 + 1,
        "WEEK_IN_YEAR": (day - first) // timedelta(days=7) + 1,
    }
    calls = [f"{name}(CloseDate)" for name in expected]
    soql = f"SELECT {', '.join(calls)} FROM Opportunity WHERE Id = '{id_}' GROUP BY {', '.join(calls)}"
    assert rows(shared_org, soql) == [tuple(expected.values())]
    shared_org.delete("Opportunity", [id_], hard=True)
