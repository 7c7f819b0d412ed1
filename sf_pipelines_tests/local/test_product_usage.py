from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, text

from sf_pipelines.local import demo_data
from sf_pipelines.local.product_usage import MOST_USERS, account_keys, add_hour, fill_usage, history
from sf_pipelines.local.source_tables import fill_source_tables

TODAY = date(2026, 3, 4)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def customers(engine: Engine) -> list[str]:
    fill_source_tables(engine, demo_data.account_rows(count=20, seed=1), ())
    return account_keys(engine)


def test_the_same_seed_makes_the_same_history() -> None:
    first, again = (list(history(["A", "B"], until=TODAY, seed=3)) for _ in range(2))

    assert first == again != list(history(["A", "B"], until=TODAY, seed=4))


def test_history_ends_the_day_before_and_counts_a_user_once_a_day() -> None:
    rows = list(history([f"A-{number}" for number in range(50)], until=TODAY, seed=3))

    assert max(row.day for row in rows) == date(2026, 3, 3)
    assert all(row.last_event_at.date() == row.day for row in rows)
    assert len({(row.account_key, row.user_key, row.day) for row in rows}) == len(rows)
    users = {(row.account_key, row.user_key) for row in rows}
    assert len(users) <= 50 * MOST_USERS


def test_an_hour_adds_events_of_today_to_as_many_accounts_as_told(
    engine: Engine, customers: list[str]
) -> None:
    fill_usage(engine, until=TODAY, seed=1)

    assert add_hour(engine, accounts=5, at=NOON, seed=1) == 5
    assert add_hour(engine, accounts=5, at=NOON, seed=1) == 5

    with engine.connect() as connection:
        today = connection.execute(text("SELECT * FROM product.daily_usage WHERE day = '2026-03-04'")).all()
    assert [row.events for row in today] == [2] * 5
    assert {row.account_key for row in today} <= set(customers)
