"""What `sf-pipelines demo` prints: the keys of its JSON, and the tables for people."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from rich.console import Console

from sf_pipelines.ledger.queries import RunSummary
from sf_pipelines.local.demo_report import DemoReport, StageRow
from sf_pipelines.local.demo_tables import print_report
from sf_pipelines.workflows.agreement import Agreement

NOW = datetime(2026, 1, 5, tzinfo=UTC)
LOAD = RunSummary(
    run_id=UUID(int=1),
    sync="account_load",
    sobject="Account",
    direction="load",
    partition_key="2026-01-05",
    dagster_run_id="dagster-1",
    state="rejects_beyond_tolerance",
    verdict_text="2 of 1,000 rows did not reach the org.",
    rail="bulk",
    because="Bulk [cheapest] moves 1,000 rows.",
    submitted=1_000,
    succeeded=998,
    failed=1,
    unprocessed=1,
    api_calls=14,
    errors={"REQUIRED_FIELD_MISSING": 1, "UNPROCESSED": 1},
    started_at=NOW,
    finished_at=NOW,
)
EXTRACT = replace(
    LOAD,
    sync="account_extract",
    direction="extract",
    state="complete",
    rail="rest",
    submitted=998,
    succeeded=998,
    failed=0,
    unprocessed=0,
    errors={},
)
USAGE = replace(
    LOAD,
    sync="account_usage",
    partition_key="2026-01-05-11:00",
    state="complete",
    rail="rest",
    submitted=11,
    succeeded=11,
    failed=0,
    unprocessed=0,
    unchanged=283,
    errors={},
)
STAGE = StageRow(
    stage="Closed Won",
    opportunities=4_762,
    accounts=295,
    amount=Decimal("8597736.20"),
    weighted_amount=Decimal("8597736.20"),
    last_close_date=date(2026, 12, 31),
)
SAME = Agreement(sobject="Account", org_rows=998, warehouse_rows=998, missing=0, extra=0, stale=0)
REPORT = DemoReport(
    source_rows={"account": 1_000},
    loads=[LOAD],
    extracts=[EXTRACT],
    agreements=[SAME],
    stages=[STAGE],
    usage=[USAGE],
    home=Path("/home/crm"),
)


@pytest.mark.parametrize(
    ("report", "is_proven"),
    [
        pytest.param(REPORT, True, id="all rows have an end and both sides agree, red or not"),
        pytest.param(
            replace(REPORT, source_rows={"account": 1_001}), False, id="a source row was not submitted"
        ),
        pytest.param(
            replace(REPORT, loads=[replace(LOAD, succeeded=997)]), False, id="a submitted row has no end"
        ),
        pytest.param(
            replace(REPORT, usage=[replace(USAGE, succeeded=10)]), False, id="a pushed account has no end"
        ),
        pytest.param(
            replace(REPORT, agreements=[replace(SAME, stale=1)]), False, id="both sides differ in a row"
        ),
    ],
)
def test_a_demo_is_proven_when(report: DemoReport, is_proven: bool) -> None:
    assert report.is_proven is is_proven


def test_the_json_of_a_demo_keeps_its_keys() -> None:
    document = REPORT.to_json()

    assert document["source_rows"] == {"account": 1_000}
    assert document["every_row_accounted_for"] is True
    assert document["home"] == "/home/crm"
    assert document["loads"] == [
        {
            "sync": "account_load",
            "rail": "bulk",
            "because": "Bulk [cheapest] moves 1,000 rows.",
            "state": "rejects_beyond_tolerance",
            "submitted": 1_000,
            "succeeded": 998,
            "failed": 1,
            "unprocessed": 1,
            "errors": {"REQUIRED_FIELD_MISSING": 1, "UNPROCESSED": 1},
            "api_calls": 14,
            "ledger_run": str(LOAD.run_id),
            "dagster_run": "dagster-1",
        }
    ]
    assert [(item["reported"], item["written"]) for item in document["extracts"]] == [(998, 998)]
    (hour,) = document["usage"]
    assert (hour["hour"], hour["unchanged"], hour["submitted"]) == ("2026-01-05-11:00", 283, 11)
    assert document["pipeline_by_stage"] == [
        {
            "stage": "Closed Won",
            "opportunities": 4_762,
            "accounts": 295,
            "amount": Decimal("8597736.20"),
            "weighted_amount": Decimal("8597736.20"),
            "last_close_date": date(2026, 12, 31),
        }
    ]
    assert document["agreement"] == [
        {
            "sobject": "Account",
            "org_rows": 998,
            "warehouse_rows": 998,
            "missing": 0,
            "extra": 0,
            "stale": 0,
            "agrees": True,
        }
    ]


def test_the_tables_tell_rail_accounting_errors_agreement_and_where_to_look_next() -> None:
    console = Console(file=io.StringIO(), width=160)

    print_report(REPORT, console)

    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for words in (
        "Which rail, and why",
        "Bulk [cheapest] moves 1,000 rows.",
        "submitted = succeeded + failed + unprocessed",
        "rejects beyond tolerance",
        "REQUIRED_FIELD_MISSING",
        "Org and warehouse, row by row",
        "8,597,736",
        "2026-01-05-11:00",
        "283",
        "/home/crm",
        "ledger.failed_record",
    ):
        assert words in shown
