"""A folder of CRM exports as rows of the demo's source tables.

The files are `accounts.csv` and `sales_pipeline.csv`. Every row of both is kept: what the org must refuse
is left for the org to refuse, so nothing is repaired here but units and names.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pyarrow as pa

from sf_pipelines.lake.source import read_source
from sf_pipelines.local.demo_data import AccountRow, OpportunityRow
from sf_pipelines.model.sync import Source, SourceKind

ACCOUNTS_FILE = "accounts.csv"
OPPORTUNITIES_FILE = "sales_pipeline.csv"

_ACCOUNT_COLUMNS = (
    "account",
    "sector",
    "year_established",
    "revenue",
    "employees",
    "office_location",
    "subsidiary_of",
)
_OPPORTUNITY_COLUMNS = (
    "opportunity_id",
    "sales_agent",
    "product",
    "account",
    "deal_stage",
    "engage_date",
    "close_date",
    "close_value",
)


def check(folder: Path) -> None:
    """Read both files to their end, so that a mistake is found before anything is started or emptied.

    Raises:
        SourceError: a file is missing, is not UTF-8, or lacks a column.
    """
    for rows in (account_rows(folder), opportunity_rows(folder)):
        deque(rows, maxlen=0)


def account_rows(folder: Path) -> Iterator[AccountRow]:
    """Accounts of the folder; the account's name is its key, revenue is in millions.

    Raises:
        SourceError: the file is missing, is not UTF-8, or lacks a column.
    """
    for row in _rows(folder / ACCOUNTS_FILE, _ACCOUNT_COLUMNS):
        yield AccountRow(
            account_key=row["account"],
            name=row["account"],
            industry=row["sector"],
            annual_revenue=_millions(row["revenue"]),
            employees=row["employees"],
            country=row["office_location"],
            website=None,
            phone=None,
            description=_account_description(row),
        )


def opportunity_rows(folder: Path) -> Iterator[OpportunityRow]:
    """Deals of the folder, named by account and product.

    Raises:
        SourceError: the file is missing, is not UTF-8, or lacks a column.
    """
    for row in _rows(folder / OPPORTUNITIES_FILE, _OPPORTUNITY_COLUMNS):
        yield OpportunityRow(
            opportunity_key=row["opportunity_id"],
            account_key=row["account"],
            name=f"{row['account'] or 'No account'} - {row['product'] or 'no product'}",
            stage=row["deal_stage"],
            amount=row["close_value"],
            close_date=row["close_date"],
            product=row["product"],
            description=_opportunity_description(row),
        )


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str | None]]:
    batch: pa.RecordBatch
    for batch in read_source(Source(kind=SourceKind.CSV, location=str(path)), columns):
        yield from batch.to_pylist()


def _millions(text: str | None) -> str | None:
    """A figure in millions as a plain number; what is no number stays as it is, for the org to refuse."""
    if text is None:
        return None
    try:
        figure = Decimal(text)
    except InvalidOperation:
        return text
    return format((figure * 1_000_000).normalize(), "f") if figure.is_finite() else text


def _account_description(row: dict[str, str | None]) -> str | None:
    parts = [
        f"Established {row['year_established']}." if row["year_established"] else "",
        f"Subsidiary of {row['subsidiary_of']}." if row["subsidiary_of"] else "",
    ]
    return " ".join(part for part in parts if part) or None


def _opportunity_description(row: dict[str, str | None]) -> str | None:
    parts = [
        f"Sales agent {row['sales_agent']}." if row["sales_agent"] else "",
        f"Engaged {row['engage_date']}." if row["engage_date"] else "",
    ]
    return " ".join(part for part in parts if part) or None
