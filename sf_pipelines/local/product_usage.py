"""The demo's product: the table `product.daily_usage`, events of each user of an account on each day.

Made by a seed from the accounts of `crm.account`, relative to a day: the last 30 days always hold some.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import cast

from psycopg2.extensions import cursor as cursor_type
from psycopg2.extras import execute_values
from sqlalchemy import Engine, text

DAYS = 45
MOST_USERS = 8
PAGE_ROWS = 1_000

CREATE = """
CREATE SCHEMA IF NOT EXISTS product;
CREATE TABLE IF NOT EXISTS product.daily_usage (
    account_key text NOT NULL,
    user_key text NOT NULL,
    day date NOT NULL,
    events integer NOT NULL,
    last_event_at timestamptz NOT NULL,
    PRIMARY KEY (account_key, user_key, day)
)
"""
_ADD = """
INSERT INTO product.daily_usage VALUES %s
ON CONFLICT (account_key, user_key, day) DO UPDATE SET
    events = daily_usage.events + excluded.events,
    last_event_at = greatest(daily_usage.last_event_at, excluded.last_event_at)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class UsageRow:
    """What one user did on one day."""

    account_key: str
    user_key: str
    day: date
    events: int
    last_event_at: datetime


def fill_usage(engine: Engine, *, until: date, seed: int) -> int:
    """Make the table, and fill it with the days before a day; rows written."""
    return _add(engine, history(account_keys(engine), until=until, seed=seed))


def add_hour(engine: Engine, *, accounts: int, at: datetime, seed: int) -> int:
    """Add what an hour brings: one event of a user of each of some accounts; how many accounts.

    Args:
        at: when the events happened.
    """
    random = Random(seed)
    keys = account_keys(engine)
    chosen = sorted(random.sample(keys, min(accounts, len(keys))))
    rows = [
        UsageRow(account_key=key, user_key=_user(key, 0), day=at.date(), events=1, last_event_at=at)
        for key in chosen
    ]
    return _add(engine, rows)


def history(keys: Iterable[str], *, until: date, seed: int) -> Iterator[UsageRow]:
    """Rows of accounts that are busy, slow, falling silent, or gone."""
    random = Random(seed)
    for key in keys:
        share_of_days = random.choice((0.6, 0.3, 0.1))
        silent_days = random.choice((0, 0, 0, 10, 35))
        for user in range(random.randint(1, MOST_USERS)):
            for days_ago in range(silent_days + 1, DAYS):
                if random.random() < share_of_days:
                    yield _row(key, user, until - timedelta(days=days_ago), random)


def account_keys(engine: Engine) -> list[str]:
    """Customers of the warehouse."""
    statement = "SELECT DISTINCT account_key FROM crm.account WHERE account_key IS NOT NULL ORDER BY 1"
    with engine.connect() as connection:
        return list(connection.execute(text(statement)).scalars())


def _row(key: str, user: int, day: date, random: Random) -> UsageRow:
    moment = datetime.combine(day, time(random.randrange(24), random.randrange(60)), UTC)
    return UsageRow(
        account_key=key,
        user_key=_user(key, user),
        day=day,
        events=random.randint(1, 40),
        last_event_at=moment,
    )


def _user(key: str, number: int) -> str:
    return f"{key}-user-{number}"


def _add(engine: Engine, rows: Iterable[UsageRow]) -> int:
    written = 0

    def values() -> Iterator[tuple[object, ...]]:
        nonlocal written
        for row in rows:
            written += 1
            yield astuple(row)

    with engine.begin() as connection:
        connection.execute(text(CREATE))
        execute_values(cast(cursor_type, connection.connection.cursor()), _ADD, values(), page_size=PAGE_ROWS)
    return written
