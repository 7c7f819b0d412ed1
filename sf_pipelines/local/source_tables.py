"""The demo's warehouse side: the tables `crm.account` and `crm.opportunity`, all columns text.

Text on purpose: a warehouse that types its columns would hide the defects that the org has to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import cast

from psycopg2.extensions import cursor as cursor_type
from psycopg2.extras import execute_values
from sqlalchemy import Engine, text

from sf_pipelines.local.demo_data import AccountRow, OpportunityRow

SCHEMA = "crm"
PAGE_ROWS = 1_000


def fill_source_tables(
    engine: Engine, accounts: Iterable[AccountRow], opportunities: Iterable[OpportunityRow]
) -> dict[str, int]:
    """Replace both tables in one transaction; rows written by table."""
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        cursor = cast(cursor_type, connection.connection.cursor())
        return {
            "account": _replace(cursor, "account", AccountRow, accounts),
            "opportunity": _replace(cursor, "opportunity", OpportunityRow, opportunities),
        }


def tables_in_use(engine: Engine) -> list[str]:
    """Tables that a demo would replace or fill, where the database has them already."""
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT table_schema || '.' || table_name FROM information_schema.tables "
                "WHERE table_schema IN ('crm', 'raw') AND table_name IN ('account', 'opportunity') "
                "OR table_schema = 'product' AND table_name = 'daily_usage' ORDER BY 1"
            )
        )
        return list(found.scalars())


def _replace(cursor: cursor_type, table: str, row_type: type, rows: Iterable[object]) -> int:
    columns = [field.name for field in fields(row_type)]
    cursor.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{table}")
    cursor.execute(f"CREATE TABLE {SCHEMA}.{table} ({', '.join(f'{name} text' for name in columns)})")
    written = 0

    def values() -> Iterable[tuple[str | None, ...]]:
        nonlocal written
        for row in rows:
            written += 1
            yield tuple(getattr(row, name) for name in columns)

    statement = f"INSERT INTO {SCHEMA}.{table} ({', '.join(columns)}) VALUES %s"
    execute_values(cursor, statement, values(), page_size=PAGE_ROWS)
    return written
