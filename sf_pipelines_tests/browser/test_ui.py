"""The Dagster UI as a person uses it: what is clicked works, and what is shown can be read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from sf_pipelines_tests.browser.conftest import SLOW_SECONDS, Shoot, today
from sf_pipelines_tests.local.ui import DevServer, NotYetError, patiently

pytestmark = pytest.mark.timeout(600)

SCHEDULE = """
{ scheduleOrError(scheduleSelector: {repositoryName: "__repository__", repositoryLocationName: "sf_pipelines",
  scheduleName: "nightly_load_schedule"}) { ... on Schedule { scheduleState { status } } } }
"""
BACKFILLS = "{ partitionBackfillsOrError { ... on PartitionBackfills { results { partitionNames } } } }"
NEWEST_RUN = """
{ runsOrError(filter: {tags: [{key: "salesforce/rail", value: "rest"}]}, limit: 1) {
  ... on Runs { results { runId tags { key value } } } } }
"""
REASON = "the quarter ends tonight"
CONFIG = f"""\
ops:
  salesforce_account_load:
    config: {{rail: rest, reason: {REASON}}}"""


def open_asset(page: Page, dev: DevServer, path: str, view: str) -> None:
    page.goto(f"{dev.url}/assets/{path}?view={view}")
    expect(page.get_by_role("button", name="Materialize").first).to_be_visible()


def test_a_schedule_is_switched_on_and_off(page: Page, dev: DevServer, shoot: Shoot) -> None:
    page.goto(f"{dev.url}/locations/sf_pipelines/schedules/nightly_load_schedule")
    switch = page.locator("tr", has_text="Running").locator("label")

    for status in ("RUNNING", "STOPPED"):
        switch.click()
        patiently(lambda wanted=status: _is_schedule(dev, wanted))
        if status == "RUNNING":
            expect(page.get_by_text("Next tick")).to_be_visible()
            shoot(page, "schedule")


def _is_schedule(dev: DevServer, wanted: str) -> None:
    status = dev.graphql(SCHEDULE)["scheduleOrError"]["scheduleState"]["status"]
    if status != wanted:
        raise NotYetError(status)


def test_a_range_of_nights_is_backfilled_by_the_dialog(page: Page, dev: DevServer, shoot: Shoot) -> None:
    nights = [f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" for days in (3, 2)]
    open_asset(page, dev, "salesforce/account/load", "partitions")
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")

    dialog.get_by_placeholder("No matching partitions").fill(f"[{nights[0]}...{nights[1]}]")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("2 partitions").first).to_be_visible()
    expect(dialog.get_by_text("Loading pipeline")).to_have_count(0)
    shoot(page, "backfill")
    dialog.get_by_role("button", name="Launch backfill").click()

    def asked_for() -> list[str]:
        (backfill,) = dev.graphql(BACKFILLS)["partitionBackfillsOrError"]["results"] or [None]
        if backfill is None:
            raise NotYetError("no backfill")
        return backfill["partitionNames"]

    assert patiently(asked_for) == nights


def test_a_forced_rail_from_the_launchpad_is_honoured_and_its_reason_kept(
    page: Page, dev: DevServer, shoot: Shoot
) -> None:
    open_asset(page, dev, "salesforce/account/load", "partitions")
    materialize = page.get_by_role("button", name="Materialize").first
    materialize.locator("xpath=following::button[1]").click()
    page.get_by_role("menuitem", name="Open launchpad").click()
    dialog = page.get_by_role("dialog")
    partition = dialog.get_by_placeholder("Partition")
    partition.click()
    partition.press_sequentially(today())
    page.get_by_text(
        today(), exact=True
    ).last.click()  # the suggestion, which stands behind all else in the page
    expect(partition).to_have_value(today())
    editor = dialog.locator(".CodeMirror").first
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(CONFIG)
    expect(dialog.get_by_text("No errors")).to_be_visible()
    launch = dialog.get_by_role("button", name="Materialize").last
    expect(launch).to_be_enabled()
    shoot(page, "launchpad")
    launch.click()

    def tags() -> dict[str, str]:
        runs = dev.graphql(NEWEST_RUN)["runsOrError"]["results"]
        if not runs:
            raise NotYetError("no run with a forced rail")
        assert dev.ended(runs[0]["runId"], seconds=SLOW_SECONDS) == "SUCCESS"
        return {tag["key"]: tag["value"] for tag in runs[0]["tags"]}

    assert patiently(tags, seconds=SLOW_SECONDS)["salesforce/forced_reason"] == REASON


def test_a_red_partition_leads_to_its_rows_and_their_source(page: Page, dev: DevServer, shoot: Shoot) -> None:
    open_asset(page, dev, "salesforce/opportunity/load", "partitions")
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    shoot(page, "red-partition")

    open_asset(page, dev, "salesforce/opportunity/load", "events")
    expect(page.get_by_text("rows did not reach the org").first).to_be_visible()
    expect(page.get_by_text("REQUIRED_FIELD_MISSING").first).to_be_visible()
    shoot(page, "failed-load")
    page.get_by_role("link", name="ledger / failed_records").first.click()

    expect(page).to_have_url(re.compile("/assets/ledger/failed_records"))
    expect(page.get_by_text("records open.").first).to_be_visible()
    expect(page.get_by_text("sf-pipelines trace").first).to_be_visible()
    shoot(page, "failed-records")


def test_the_decision_card_says_why_and_why_not(page: Page, dev: DevServer, shoot: Shoot) -> None:
    open_asset(page, dev, "salesforce/opportunity/load", "events")
    card = page.locator("tr", has_text="decision").first

    expect(card.get_by_text("Bulk API 2.0").first).to_be_visible()
    expect(card.get_by_text("Not REST:")).to_be_visible()
    expect(card.get_by_role("table")).to_be_visible()
    card.scroll_into_view_if_needed()
    shoot(page, "decision-card")


def test_the_checks_say_what_to_do_next(page: Page, dev: DevServer, shoot: Shoot) -> None:
    open_asset(page, dev, "salesforce/opportunity/load", "checks")
    page.get_by_text("rejects_within_tolerance").first.click()

    expect(page.get_by_text("mend the values at the source").first).to_be_visible()
    shoot(page, "checks")


def test_the_plots_are_filled(page: Page, dev: DevServer, shoot: Shoot) -> None:
    open_asset(page, dev, "salesforce/account/load", "overview")
    page.get_by_role("button", name="Plots").click()

    expect(page.get_by_text("api_calls_left", exact=True).first).to_be_visible()
    expect(page.locator("canvas").first).to_be_visible()
    shoot(page, "plots")


def test_a_tick_of_a_sensor_is_a_sentence(page: Page, dev: DevServer, shoot: Shoot) -> None:
    page.goto(f"{dev.url}/locations/sf_pipelines/sensors/failure_notices")
    row = page.locator("tr", has=page.get_by_role("button", name="View logs")).first
    row.get_by_text("0 runs requested").last.click()

    expect(page.get_by_role("dialog").get_by_text("Nobody is told of failures: set")).to_be_visible()
    shoot(page, "sensor-tick")


def test_today_is_the_partition_that_is_red(page: Page, dev: DevServer) -> None:
    open_asset(page, dev, "salesforce/opportunity/load", "events")

    expect(page.get_by_text(today()).first).to_be_visible()
