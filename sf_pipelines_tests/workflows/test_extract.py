from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import text

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.lake.parquet import read_parquet
from sf_pipelines.ledger.queries import jobs_of_run, recent_runs, run_summary
from sf_pipelines.model.outcome import VerdictState
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.slice import Window
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.rails.ports import BulkJob, BulkQueryPort, JobState, QueryPage, RecordPage
from sf_pipelines.workflows.errors import ReadError, WorkflowError
from sf_pipelines.workflows.extract import ExtractReport, ExtractRequest, run_extract
from sf_pipelines.workflows.extract_open import readable_window
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.object_store import bucket_lake as bucket_lake
from sf_pipelines_tests.object_store import s3_url as s3_url
from sf_pipelines_tests.workflows.orgs import DAY, KEY, NOON, load_of, write_csv

RAILS = pytest.mark.parametrize("rail", [Rail.REST, Rail.BULK])

ACCOUNTS = (
    {KEY: "a1", "Name": 'Größe, "Inc"\nLtd', "AnnualRevenue": "1234567890", "NumberOfEmployees": "12"},
    {KEY: "a2", "Name": "N/A", "AnnualRevenue": None, "NumberOfEmployees": "0"},
    {KEY: "a3", "Name": "true", "AnnualRevenue": "-25", "NumberOfEmployees": None},
)
DEALS = (
    {KEY: "d1", "Account.External_Id__c": "a1", "Name": "One", "StageName": "Closed Won",
     "CloseDate": "2026-02-28", "Amount": "0.1"},
    {KEY: "d2", "Account.External_Id__c": None, "Name": "Two", "StageName": "Prospecting",
     "CloseDate": "1999-12-31", "Amount": None},
)  # fmt: skip


def load(tools: Tools, folder: Path, sobject: str, rows: tuple[dict[str, str | None], ...]) -> None:
    sync = load_of(sobject, write_csv(folder / f"{sobject}.csv", rows), rows[0])
    report = run_load(LoadRequest(sync=sync), tools)
    assert report.verdict.state is VerdictState.COMPLETE


def extract(
    tools: Tools, sobject: str = "Account", *fields: str, rail: Rail | None = None, window: Window = DAY
) -> ExtractReport:
    sync = ExtractSync(name=f"{sobject.lower()}_extract", sobject=sobject, fields=fields)
    request = ExtractRequest(sync=sync, window=window, partition_key="2026-03-04", forced_rail=rail)
    return run_extract(request, tools)


def in_warehouse(tools: Tools, table: str) -> list[dict[str, Any]]:
    """Rows of a raw table without the time at which they were extracted."""
    with tools.engine.connect() as connection:
        rows = connection.execute(text(f'SELECT * FROM raw.{table} ORDER BY "Id"')).mappings()
        return [{name: row[name] for name in row if name != "_extracted_at"} for row in rows]


def in_lake(report: ExtractReport) -> pa.Table:
    batches = [batch for file in report.files for batch in read_parquet(file)]
    return pa.Table.from_batches(batches, report.schema).sort_by("Id")


def test_both_rails_bring_the_same_typed_rows(tools: Tools, tmp_path: Path, clock: Clock) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    load(tools, tmp_path, "Opportunity", DEALS)
    clock.advance(60)
    for sobject in ("Account", "Opportunity"):
        by_rest = extract(tools, sobject, rail=Rail.REST)
        rows_by_rest = in_warehouse(tools, sobject.lower())
        with tools.engine.begin() as connection:
            connection.execute(text(f"DROP TABLE raw.{sobject.lower()}"))
        by_bulk = extract(tools, sobject, rail=Rail.BULK)

        assert by_bulk.schema == by_rest.schema
        assert in_lake(by_bulk).equals(in_lake(by_rest))
        assert in_warehouse(tools, sobject.lower()) == rows_by_rest
        assert (by_rest.counts, by_rest.verdict) == (by_bulk.counts, by_bulk.verdict)


@RAILS
def test_values_arrive_with_the_type_that_the_org_describes(
    tools: Tools, tmp_path: Path, clock: Clock, rail: Rail
) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    load(tools, tmp_path, "Opportunity", DEALS)
    clock.advance(60)

    extract(tools, "Account", KEY, "Name", "AnnualRevenue", "NumberOfEmployees", rail=rail)
    extract(tools, "Opportunity", KEY, "CloseDate", "Amount", "IsWon", rail=rail)

    assert [
        (row[KEY], row["Name"], row["AnnualRevenue"], row["NumberOfEmployees"])
        for row in in_warehouse(tools, "account")
    ] == [
        ("a1", 'Größe, "Inc"\nLtd', 1234567890.0, 12),
        ("a2", "N/A", None, 0),
        ("a3", "true", -25.0, None),
    ]
    assert [
        (row["CloseDate"].isoformat(), row["Amount"], row["IsWon"], row["SystemModstamp"])
        for row in in_warehouse(tools, "opportunity")
    ] == [("2026-02-28", 0.1, True, NOON), ("1999-12-31", None, False, NOON)]


@RAILS
def test_the_report_tells_what_was_read(tools: Tools, tmp_path: Path, clock: Clock, rail: Rail) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    clock.set(DAY.end + timedelta(hours=1))

    report = extract(tools, rail=rail)

    assert report.decision.rail is rail
    assert (report.counts.submitted, report.counts.succeeded) == (3, 3)
    assert report.verdict.state is VerdictState.COMPLETE
    assert report.window == DAY
    assert report.window_is_over
    assert (report.merge.staged, report.merge.inserted) == (3, 3)
    assert Path(report.uri) == Path(tools.lake) / f"raw/account/2026-03-04/{report.run_id}"
    assert report.files == (f"{report.uri}/part-0000-page-00001.parquet",)
    assert report.rows_by_day == {"2026-03-04": 3}
    assert (report.org_rows, report.warehouse_rows) == (3, 3)
    assert len(report.job_urls) == (1 if rail is Rail.BULK else 0)
    run = run_summary(tools.engine, report.run_id)
    assert (run.state, run.direction, run.partition_key) == ("complete", "extract", "2026-03-04")
    assert (run.submitted, run.succeeded, run.api_calls) == (3, 3, report.api_calls)


@RAILS
def test_the_lake_may_be_a_bucket(
    tools: Tools, tmp_path: Path, clock: Clock, rail: Rail, bucket_lake: str
) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    clock.advance(60)

    report = extract(replace(tools, lake=bucket_lake), rail=rail)

    assert report.uri == f"s3://lake/sales/raw/account/2026-03-04/{report.run_id}"
    assert in_lake(report).num_rows == 3
    assert len(in_warehouse(tools, "account")) == 3


def test_a_query_job_is_in_the_journal(tools: Tools, tmp_path: Path, clock: Clock) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    clock.advance(60)

    report = extract(tools, rail=Rail.BULK)

    (job,) = jobs_of_run(tools.engine, report.run_id)
    assert (job.operation, job.step, job.org_state, job.rows) == ("queryAll", "counted", "JobComplete", 3)
    assert [job.job_id] == list(report.job_urls)


@RAILS
def test_a_window_without_changes_is_complete_and_empty(tools: Tools, clock: Clock, rail: Rail) -> None:
    report = extract(tools, rail=rail)

    assert (report.counts.submitted, report.counts.succeeded) == (0, 0)
    assert report.verdict.state is VerdictState.COMPLETE
    assert in_lake(report).num_rows == 0


@RAILS
def test_a_window_holds_its_start_and_not_its_end(
    tools: Tools, tmp_path: Path, clock: Clock, rail: Rail
) -> None:
    moments = {
        "before": DAY.start - timedelta(milliseconds=1),
        "start": DAY.start,
        "last": DAY.end - timedelta(milliseconds=1),
        "end": DAY.end,
    }
    for name, moment in moments.items():
        clock.set(moment)
        load(tools, tmp_path, "Account", ({KEY: name, "Name": name},))
    clock.set(DAY.end + timedelta(hours=1))

    extract(tools, "Account", KEY, rail=rail)

    assert {row[KEY] for row in in_warehouse(tools, "account")} == {"start", "last"}


def test_a_window_that_is_not_over_is_read_to_the_orgs_clock_less_the_lag(
    tools: Tools, tmp_path: Path, clock: Clock
) -> None:
    load(tools, tmp_path, "Account", ({KEY: "settled", "Name": "settled"},))
    clock.set(NOON + timedelta(seconds=400))
    load(tools, tmp_path, "Account", ({KEY: "in flight", "Name": "in flight"},))
    clock.set(NOON + timedelta(seconds=600))

    report = extract(replace(tools, extract_lag_seconds=300), "Account", KEY)

    assert not report.window_is_over
    assert report.window.start == DAY.start
    assert abs(report.window.end - (NOON + timedelta(seconds=300))) <= timedelta(seconds=1)
    assert {row[KEY] for row in in_warehouse(tools, "account")} == {"settled"}


def test_a_window_that_has_not_begun_is_an_error_of_the_run(tools: Tools) -> None:
    tomorrow = Window(start=DAY.end, end=DAY.end + timedelta(days=1))

    with pytest.raises(WorkflowError, match=r"from 2026-03-05 00:00Z has not begun .*run it later"):
        extract(tools, window=tomorrow)

    (run,) = recent_runs(tools.engine, sync="account_extract", limit=5)
    assert run.state == "error"


@pytest.mark.parametrize(
    ("org_time", "lag_seconds", "end"),
    [
        pytest.param(DAY.end + timedelta(hours=1), 300, DAY.end, id="a window that is over is read whole"),
        pytest.param(DAY.end, 0, DAY.end, id="its last moment is enough without a lag"),
        pytest.param(NOON, 0, NOON, id="a running window ends by the org's clock"),
        pytest.param(NOON, 300, NOON - timedelta(seconds=300), id="and by the lag"),
        pytest.param(
            DAY.end + timedelta(seconds=100),
            300,
            DAY.end - timedelta(seconds=200),
            id="the lag reaches back over the end",
        ),
    ],
)
def test_the_readable_window(org_time: datetime, lag_seconds: int, end: datetime) -> None:
    assert readable_window(DAY, org_time, lag_seconds) == Window(start=DAY.start, end=end)


def test_a_second_extract_merges_only_what_has_changed(tools: Tools, tmp_path: Path, clock: Clock) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    clock.advance(60)
    extract(tools, "Account", KEY, "Name")
    load(tools, tmp_path, "Account", ({KEY: "a2", "Name": "renamed"}, {KEY: "a4", "Name": "new"}))
    clock.advance(60)

    again = extract(tools, "Account", KEY, "Name")

    assert (again.merge.inserted, again.merge.updated, again.merge.unchanged) == (1, 1, 2)
    assert {row[KEY]: row["Name"] for row in in_warehouse(tools, "account")}["a2"] == "renamed"


def test_rest_pages_that_hold_fewer_rows_than_reported_are_an_error_and_merge_nothing(
    tools: Tools, tmp_path: Path, clock: Clock
) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    clock.advance(60)
    losing = replace(tools, client=replace(tools.client, rest=_LosingRest(tools)))

    with pytest.raises(WorkflowError, match="reported 3 rows, 2 were received and 2 written"):
        extract(losing, rail=Rail.REST)

    _nothing_appeared(tools)


def test_a_bulk_page_that_holds_fewer_rows_than_reported_is_an_error_and_merges_nothing(
    tools: Tools, tmp_path: Path, clock: Clock
) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    clock.advance(60)
    lying = _ChangedQueries(tools.client.queries, more_rows_in_page=1)

    with pytest.raises(WorkflowError, match=r"Page 1 of query job \w+ holds 3 rows and should hold 4"):
        extract(replace(tools, client=replace(tools.client, queries=lying)), rail=Rail.BULK)

    _nothing_appeared(tools)


def test_a_query_job_that_processed_more_rows_than_its_pages_hold_is_an_error(
    tools: Tools, tmp_path: Path, clock: Clock
) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    clock.advance(60)
    lying = _ChangedQueries(tools.client.queries, job={"records_processed": 5})

    with pytest.raises(ReadError, match="processed 5 rows and its pages hold 3"):
        extract(replace(tools, client=replace(tools.client, queries=lying)), rail=Rail.BULK)

    _nothing_appeared(tools)


def test_a_query_job_that_failed_says_so_with_the_orgs_words(
    tools: Tools, tmp_path: Path, clock: Clock
) -> None:
    load(tools, tmp_path, "Account", ACCOUNTS)
    clock.advance(60)
    failed = _ChangedQueries(
        tools.client.queries, job={"state": JobState.FAILED, "error_message": "QUERY_TIMEOUT"}
    )

    with pytest.raises(WorkflowError, match=r"Query job \w+ ended Failed after 0 retries: QUERY_TIMEOUT"):
        extract(replace(tools, client=replace(tools.client, queries=failed)), rail=Rail.BULK)

    (run,) = [run for run in recent_runs(tools.engine, sync="account_extract", limit=5)]
    (job,) = jobs_of_run(tools.engine, run.run_id)
    assert (run.state, job.step, job.org_state) == ("interrupted", "aborted", "Failed")
    _nothing_appeared(tools)


def _nothing_appeared(tools: Tools) -> None:
    assert [path for path in Path(tools.lake).rglob("*") if path.is_file()] == []
    with tools.engine.connect() as connection:
        assert connection.execute(text("SELECT to_regclass('raw.account')")).scalar() is None
    (run,) = recent_runs(tools.engine, sync="account_extract", limit=5)
    assert run.state == "interrupted"


class _ChangedQueries(BulkQueryPort):
    """The real query port, with jobs and pages that say something else than is true."""

    def __init__(
        self, inside: BulkQueryPort, *, job: dict[str, Any] | None = None, more_rows_in_page: int = 0
    ) -> None:
        self._inside = inside
        self._job = job or {}
        self._more_rows = more_rows_in_page

    def create(self, soql: str, *, include_deleted: bool = False) -> BulkJob:
        return self._inside.create(soql, include_deleted=include_deleted)

    def info(self, job_id: str) -> BulkJob:
        return replace(self._inside.info(job_id), **self._job)

    def page_locators(self, job_id: str) -> list[str]:
        return self._inside.page_locators(job_id)

    def wait(self, job_id: str, *, expected_seconds: float) -> BulkJob:
        return replace(self._inside.wait(job_id, expected_seconds=expected_seconds), **self._job)

    def pages(self, job_id: str, *, page_rows: int) -> Iterator[QueryPage]:
        for page in self._inside.pages(job_id, page_rows=page_rows):
            yield self._changed(page)

    def page(
        self, job_id: str, *, locator: str | None, page_rows: int | None = None, number: int = 1
    ) -> AbstractContextManager[QueryPage]:
        return self._one(job_id, locator=locator, page_rows=page_rows, number=number)

    @contextmanager
    def _one(self, job_id: str, **which: Any) -> Iterator[QueryPage]:
        with self._inside.page(job_id, **which) as page:
            yield self._changed(page)

    def _changed(self, page: QueryPage) -> QueryPage:
        return replace(page, rows_reported=page.rows_reported + self._more_rows)


class _LosingRest:
    """The real REST port, whose pages lose their last record on the way."""

    def __init__(self, tools: Tools) -> None:
        self._inside = tools.client.rest

    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[RecordPage]:
        for page in self._inside.query(soql, include_deleted=include_deleted):
            yield replace(page, records=page.records[:-1])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inside, name)
