"""A month is read again from the UI's own dialog, while the run worker is killed twice on the way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import sync_playwright

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.local.ui import DevServer, NotYetError, dev_server, patiently

CHROMIUM = shutil.which("chromium")
FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 30
QUIET_DAYS, BUSY_DAY = frozenset({6, 13, 20, 27}), 12
ROWS, BUSY_ROWS = 1_500, 8_000
PAGE_ROWS = 2_000
KILLED_AT_PAGES = (7, 5)
BACKFILL_SECONDS = 240

BACKFILL = """{ partitionBackfillsOrError(limit: 1) { ... on PartitionBackfills { results {
  status runs { status } assetBackfillData { assetBackfillStatuses { ... on AssetPartitionsStatusCounts {
  numPartitionsTargeted numPartitionsMaterialized numPartitionsFailed } } } } } } }"""
DAYS_READ = """{ assetNodeOrError(assetKey: {path: ["salesforce", "account", "extract"]}) { ... on AssetNode {
  assetMaterializations(limit: 100) { partition metadataEntries { label
  ... on IntMetadataEntry { intValue } } }
  assetChecksOrError { ... on AssetChecks { checks { name
  executionForLatestMaterialization { status } } } } } } }"""


def rows_of(day: int) -> int:
    if day in QUIET_DAYS:
        return 0
    return BUSY_ROWS if day == BUSY_DAY else ROWS


@pytest.fixture
def month(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatorServer]:
    """An org with accounts that changed over thirty days of the past, told on pages of two thousand."""
    monkeypatch.setattr("sf_pipelines.emulator.bulk.query_routes.DEFAULT_PAGE_ROWS", PAGE_ROWS)
    clock = Clock(FIRST_DAY, frozen=True)
    with EmulatorServer(clock=clock) as server:
        org = server.surface.org
        for day in range(DAYS):
            clock.set(FIRST_DAY + timedelta(days=day, hours=9))
            records = [{"Name": f"{day} {number}"} for number in range(rows_of(day))]
            assert all(result.success for result in org.create("Account", records, user_id=org.user_id))
        clock.set(datetime.now(UTC))
        clock.resume()
        yield server


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
@pytest.mark.timeout(600)
def test_a_month_started_in_the_dialog_ends_green_though_its_worker_is_killed_twice(
    month: EmulatorServer, server_folder: Path
) -> None:
    settings = {
        "SF_PIPELINES_SALESFORCE_URL": month.credentials.url,
        "SF_PIPELINES_SALESFORCE_CLIENT_ID": month.credentials.client_id,
        "SF_PIPELINES_SALESFORCE_CLIENT_SECRET": month.credentials.client_secret,
    }
    with dev_server(server_folder / "home", settings) as dev:
        patiently(lambda: dev.graphql(DAYS_READ)["assetNodeOrError"]["assetMaterializations"])
        _hold(month, KILLED_AT_PAGES[0])
        _launch_in_the_dialog(dev)
        for next_page in (*KILLED_AT_PAGES[1:], None):
            _kill_worker_when_held(month, dev, next_page)
        backfill = patiently(lambda: _ended(dev), seconds=BACKFILL_SECONDS)
        days = dev.graphql(DAYS_READ)["assetNodeOrError"]

    assert sorted(run["status"] for run in backfill["runs"]) == ["FAILURE", "FAILURE", "SUCCESS"]
    (counts,) = backfill["assetBackfillData"]["assetBackfillStatuses"]
    assert counts == {
        "numPartitionsTargeted": DAYS,
        "numPartitionsMaterialized": DAYS,
        "numPartitionsFailed": 0,
    }
    assert _rows_by_day(days) == {
        f"{FIRST_DAY + timedelta(days=day):%Y-%m-%d}": rows_of(day) for day in range(DAYS)
    }
    checks = {
        check["name"]: check["executionForLatestMaterialization"]["status"]
        for check in days["assetChecksOrError"]["checks"]
    }
    assert checks == {"every_row_accounted_for": "SUCCEEDED", "source_and_org_agree": "SUCCEEDED"}
    _check_calls(month)


def _launch_in_the_dialog(dev: DevServer) -> None:
    """What a person does: the asset's page, Materialize, a range of days, Launch backfill."""
    last_day = FIRST_DAY + timedelta(days=DAYS - 1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{dev.url}/assets/salesforce/account/extract?view=partitions")
        days = page.get_by_placeholder("ex: 2026-01-01", exact=False).first
        days.fill(f"[{FIRST_DAY:%Y-%m-%d}...{last_day:%Y-%m-%d}]")
        days.press("Enter")
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_text(f"{DAYS} partitions", exact=True).wait_for()
        with page.expect_response(
            lambda answer: "LaunchPartitionBackfill" in (answer.request.post_data or "")
        ):
            page.get_by_role("button", name="Launch backfill").click()
        browser.close()


def _hold(org: EmulatorServer, page: int) -> None:
    org.surface.faults.add({"kind": "hold", "name": f"page-{page}", "path": "*/results", "nth": page})


def _kill_worker_when_held(org: EmulatorServer, dev: DevServer, next_page: int | None) -> None:
    """The worker dies while it waits for a page; its successor is to be held at the next one."""
    (entry,) = org.surface.faults.all()
    assert org.surface.faults.wait_hit(entry, BACKFILL_SECONDS)
    (worker,) = dev.run_workers()
    if next_page is not None:
        _hold(org, next_page)
    worker.kill()
    psutil.wait_procs([worker])
    org.surface.faults.remove(entry.fault.name)


def _ended(dev: DevServer) -> dict[str, Any]:
    (backfill,) = dev.graphql(BACKFILL)["partitionBackfillsOrError"]["results"]
    if backfill["status"] == "REQUESTED":
        raise NotYetError
    return backfill


def _rows_by_day(asset: dict[str, Any]) -> dict[str, int]:
    return {
        event["partition"]: next(
            entry["intValue"]
            for entry in event["metadataEntries"]
            if entry["label"] == "dagster/partition_row_count"
        )
        for event in asset["assetMaterializations"]
    }


def _check_calls(org: EmulatorServer) -> None:
    """One query job for the month, and every page once but for those that were under way at a kill."""
    calls = org.surface.calls.listed()
    jobs = [call for call in calls if call["method"] == "POST" and call["path"].endswith("/jobs/query")]
    pages = [call for call in calls if call["path"].endswith("/results")]
    needed = -(-sum(map(rows_of, range(DAYS))) // PAGE_ROWS)
    assert len(jobs) == 1
    assert needed <= len(pages) <= needed + 2 * len(KILLED_AT_PAGES)
