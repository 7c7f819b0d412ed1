"""A warehouse in small: rows of the org in raw.*, and a ledger with a load that lost one row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
from sqlalchemy import Engine, text

from sf_pipelines.lake.types import arrow_schema
from sf_pipelines.lake.warehouse import merge_into_raw
from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.local.product_usage import CREATE as CREATE_USAGE
from sf_pipelines.model.outcome import Verdict, VerdictState
from sf_pipelines.model.rail import Rail
from sf_pipelines_tests.lake.samples import describe
from sf_pipelines_tests.ledger.quotas import HandClock, reading
from sf_pipelines_tests.ledger.samples import (
    NOON,
    counts,
    decision,
    failed_record,
    record_intent,
    start_load,
    take_to,
)

ACCOUNT = {
    "Id": "id", "IsDeleted": "boolean", "External_Id__c": "string", "Name": "string", "Type": "picklist",
    "Industry": "picklist", "BillingCountry": "string", "AnnualRevenue": "currency",
    "NumberOfEmployees": "int", "OwnerId": "reference", "ParentId": "reference", "CreatedDate": "datetime",
    "SystemModstamp": "datetime",
}  # fmt: skip
OPPORTUNITY = {
    "Id": "id", "IsDeleted": "boolean", "External_Id__c": "string", "AccountId": "reference",
    "Name": "string", "StageName": "picklist", "Amount": "currency", "Probability": "percent",
    "CloseDate": "date", "IsClosed": "boolean", "IsWon": "boolean", "OwnerId": "reference",
    "CreatedDate": "datetime",
    "SystemModstamp": "datetime",
}  # fmt: skip
MODSTAMP = datetime(2026, 1, 5, 11, tzinfo=UTC)


def fill_raw(
    url: str, *, accounts: Sequence[dict[str, Any]], opportunities: Sequence[dict[str, Any]]
) -> None:
    """Merge rows as the extracts do; what is not given is null."""
    _merge(url, "Account", ACCOUNT, accounts)
    _merge(url, "Opportunity", OPPORTUNITY, opportunities)


def account(key: str, **values: Any) -> dict[str, Any]:
    """An account of the org, its Id made of its key."""
    return {"Id": f"001{key}", "External_Id__c": key, "Name": f"Account {key}", "IsDeleted": False} | values


def opportunity(key: str, stage: str, **values: Any) -> dict[str, Any]:
    """A deal of the org."""
    ends = {"IsClosed": stage.startswith("Closed"), "IsWon": stage == "Closed Won", "Probability": 50.0}
    named = {"Id": f"006{key}", "Name": f"Deal {key}", "StageName": stage, "CloseDate": date(2026, 3, 1)}
    return {"IsDeleted": False} | named | ends | values


def fill_usage(engine: Engine, *rows: tuple[str, str, date, int]) -> None:
    """Events of a user of an account on a day, the last of them at noon."""
    values = [
        {"account": account, "user": user, "day": day, "events": events, "at": f"{day} 12:00+00"}
        for account, user, day, events in rows
    ]
    with engine.begin() as connection:
        connection.execute(text(CREATE_USAGE))
        if values:
            statement = "INSERT INTO product.daily_usage VALUES (:account, :user, :day, :events, :at)"
            connection.execute(text(statement), values)


def fill_ledger(engine: Engine) -> UUID:
    """One Bulk load of three rows, of which the account with the key `lost` was refused."""
    ledger = Ledger(engine)
    run_id = start_load(ledger)
    ledger.record_decision(run_id, decision())
    journal = record_intent(ledger, run_id)
    take_to(ledger, journal, "counted")
    ledger.store_outcomes(
        run_id,
        chunk=0,
        rail=Rail.BULK,
        counts=counts(),
        failed=[failed_record("lost")],
        journal_id=journal,
    )
    verdict = Verdict(state=VerdictState.REJECTS_BEYOND_TOLERANCE, text="1 of 3 rows did not reach the org.")
    ledger.finish_run(run_id, verdict=verdict, counts=counts(), api_calls=11)
    book = QuotaBook(engine, clock=HandClock())
    for minutes, remaining in enumerate((900, 700, 750)):
        book.record_reading(reading(remaining, NOON + timedelta(minutes=minutes)))
    return run_id


def _merge(url: str, sobject: str, types: dict[str, str], rows: Sequence[dict[str, Any]]) -> None:
    schema = arrow_schema(describe(**types), tuple(types))
    complete = [
        dict.fromkeys(types) | {"CreatedDate": MODSTAMP, "SystemModstamp": MODSTAMP} | row for row in rows
    ]
    batches = [pa.RecordBatch.from_pylist(complete, schema)]
    merge_into_raw(url, sobject=sobject, schema=schema, batches=batches)
