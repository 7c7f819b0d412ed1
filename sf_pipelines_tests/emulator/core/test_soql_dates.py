from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.soql.dates import date_range
from sf_pipelines_tests.emulator.core.helpers import DEAL, add, names

TODAY = date(2026, 3, 18)  # a Wednesday


@pytest.mark.parametrize(
    ("literal", "start", "end"),
    [
        ("TODAY", "2026-03-18", "2026-03-19"),
        ("yesterday", "2026-03-17", "2026-03-18"),
        ("TOMORROW", "2026-03-19", "2026-03-20"),
        ("THIS_WEEK", "2026-03-15", "2026-03-22"),
        ("LAST_WEEK", "2026-03-08", "2026-03-15"),
        ("NEXT_WEEK", "2026-03-22", "2026-03-29"),
        ("THIS_MONTH", "2026-03-01", "2026-04-01"),
        ("LAST_MONTH", "2026-02-01", "2026-03-01"),
        ("NEXT_MONTH", "2026-04-01", "2026-05-01"),
        ("THIS_QUARTER", "2026-01-01", "2026-04-01"),
        ("LAST_QUARTER", "2025-10-01", "2026-01-01"),
        ("NEXT_FISCAL_QUARTER", "2026-04-01", "2026-07-01"),
        ("THIS_YEAR", "2026-01-01", "2027-01-01"),
        ("LAST_YEAR", "2025-01-01", "2026-01-01"),
        ("NEXT_YEAR", "2027-01-01", "2028-01-01"),
        ("THIS_FISCAL_YEAR", "2026-01-01", "2027-01-01"),
        ("LAST_90_DAYS", "2025-12-18", "2026-03-19"),
        ("NEXT_90_DAYS", "2026-03-19", "2026-06-17"),
        ("LAST_N_DAYS:7", "2026-03-11", "2026-03-19"),
        ("NEXT_N_DAYS:7", "2026-03-19", "2026-03-26"),
        ("N_DAYS_AGO:3", "2026-03-15", "2026-03-16"),
        ("LAST_N_WEEKS:2", "2026-03-01", "2026-03-15"),
        ("NEXT_N_WEEKS:2", "2026-03-22", "2026-04-05"),
        ("N_WEEKS_AGO:1", "2026-03-08", "2026-03-15"),
        ("LAST_N_MONTHS:3", "2025-12-01", "2026-03-01"),
        ("NEXT_N_MONTHS:2", "2026-04-01", "2026-06-01"),
        ("N_MONTHS_AGO:3", "2025-12-01", "2026-01-01"),
        ("LAST_N_QUARTERS:2", "2025-07-01", "2026-01-01"),
        ("N_QUARTERS_AGO:1", "2025-10-01", "2026-01-01"),
        ("LAST_N_YEARS:2", "2024-01-01", "2026-01-01"),
        ("NEXT_N_YEARS:1", "2027-01-01", "2028-01-01"),
        ("LAST_N_YEARS:9999", "0001-01-01", "2026-01-01"),
        ("LAST_N_FISCAL_QUARTERS:1", "2025-10-01", "2026-01-01"),
        ("N_FISCAL_YEARS_AGO:1", "2025-01-01", "2026-01-01"),
    ],
)
def test_a_date_literal_means_its_days(literal: str, start: str, end: str) -> None:
    assert date_range(literal, TODAY) == (date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize(
    "text",
    [
        "THIS_DAY",
        "LAST_N_DAYS",
        "TODAY:1",
        "SOON",
        "LAST_N_DAYS:x",
        "THIS_FISCAL_WEEK",
        "LAST_N_FISCAL_DAYS:2",
    ],
)
def test_another_name_is_no_date_literal(text: str) -> None:
    assert date_range(text, TODAY) is None


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.sampled_from(["WEEK", "MONTH", "QUARTER", "YEAR"]))
def test_last_this_and_next_follow_each_other_without_a_gap(today: date, unit: str) -> None:
    last, this, following = (date_range(f"{step}_{unit}", today) for step in ("LAST", "THIS", "NEXT"))
    assert last is not None
    assert this is not None
    assert following is not None
    assert last[1] == this[0] <= today < this[1] == following[0]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("CloseDate = THIS_MONTH", ["m01", "m31"]),
        ("CloseDate != THIS_MONTH", ["a01", "f28"]),
        ("CloseDate < THIS_MONTH", ["f28"]),
        ("CloseDate <= THIS_MONTH", ["f28", "m01", "m31"]),
        ("CloseDate > THIS_MONTH", ["a01"]),
        ("CloseDate >= THIS_MONTH", ["a01", "m01", "m31"]),
        ("CloseDate IN (LAST_MONTH, 2026-04-01)", ["a01", "f28"]),
        ("CreatedDate = TODAY", ["a01", "f28", "m01", "m31"]),
        ("CreatedDate < TODAY", []),
        ("CloseDate = 2026-03-31", ["m31"]),
    ],
)
def test_comparisons_take_the_whole_range(org: Org, condition: str, expected: list[str]) -> None:
    for name, day in [
        ("f28", "2026-02-28"),
        ("m01", "2026-03-01"),
        ("m31", "2026-03-31"),
        ("a01", "2026-04-01"),
    ]:
        add(org, "Opportunity", **{**DEAL, "Name": name, "CloseDate": day})
    assert names(org, condition, "Opportunity") == expected


def test_literals_follow_the_clock(org: Org, clock: Clock) -> None:
    add(org, "Account", Name="A")
    assert names(org, "CreatedDate = YESTERDAY") == []
    clock.set(datetime(2026, 3, 19, tzinfo=UTC))
    assert names(org, "CreatedDate = YESTERDAY") == ["A"]
