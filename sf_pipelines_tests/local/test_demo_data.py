"""The demo's data set: the same rows for the same seed, with the defects that it promises."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple
from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from sf_pipelines.local.demo_data import DEFECTS, STAGES, OpportunityRow, account_rows, opportunity_rows

ACCOUNTS, OPPORTUNITIES, SEED = 300, 12_000, 7


def _opportunities() -> list[OpportunityRow]:
    return list(opportunity_rows(count=OPPORTUNITIES, accounts=ACCOUNTS, seed=SEED))


def _digest(rows: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(astuple(row) for row in rows)
    return sha256(text.getvalue().encode()).hexdigest()


MAKERS: dict[str, Callable[[int], list[Any]]] = {
    "accounts": lambda seed: list(account_rows(count=200, seed=seed)),
    "opportunities": lambda seed: list(opportunity_rows(count=200, accounts=20, seed=seed)),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_seed_always_makes_the_same_rows_and_another_one_others(kind: str) -> None:
    make = MAKERS[kind]

    assert _digest(make(SEED)) == _digest(make(SEED))
    assert _digest(make(SEED)) != _digest(make(SEED + 1))


def test_more_rows_begin_with_the_same_rows() -> None:
    assert list(account_rows(count=300, seed=SEED))[:50] == list(account_rows(count=50, seed=SEED))


def test_every_key_occurs_once() -> None:
    accounts = [row.account_key for row in account_rows(count=ACCOUNTS, seed=SEED)]
    opportunities = [row.opportunity_key for row in _opportunities()]

    assert len(set(accounts)) == ACCOUNTS
    assert len(set(opportunities)) == OPPORTUNITIES


def test_accounts_have_exactly_the_defects_that_the_org_refuses() -> None:
    rows = list(account_rows(count=ACCOUNTS, seed=SEED))

    assert [row.account_key for row in rows if row.name is None] == ["A-00041", "A-00138", "A-00235"]
    assert [row.account_key for row in rows if int(row.employees or 0) > 99_999_999] == ["A-00077", "A-00228"]


def test_some_accounts_hold_what_a_careless_csv_would_break() -> None:
    descriptions = [row.description or "" for row in account_rows(count=ACCOUNTS, seed=SEED)]

    assert sum(all(mark in text for mark in ('"', ",", "\n")) for text in descriptions) == ACCOUNTS // 10


def test_every_defect_of_an_opportunity_occurs_about_as_often_as_declared() -> None:
    rows = _opportunities()

    for share, defect in DEFECTS:
        ((column, value),) = defect.items()
        found = sum(getattr(row, column) == value for row in rows)
        assert share / 2 < found / OPPORTUNITIES < share * 2, defect


def test_opportunities_without_a_defect_name_real_accounts_dates_and_stages() -> None:
    accounts = {row.account_key for row in account_rows(count=ACCOUNTS, seed=SEED)}
    broken = {(column, value) for _, defect in DEFECTS for column, value in defect.items()}
    sound = [
        row
        for row in _opportunities()
        if not any((column, getattr(row, column)) in broken for column, _ in broken)
    ]

    assert len(sound) > OPPORTUNITIES * 0.9
    assert {row.account_key for row in sound} == accounts
    assert {date.fromisoformat(row.close_date or "").year for row in sound} == {2026}
    assert set(Counter(row.stage for row in sound)) == set(STAGES)
    assert all((row.amount is not None) == (row.stage == "Won") for row in sound)
