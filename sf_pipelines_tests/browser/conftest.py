"""A real browser before a real `sf-pipelines dev`, with one green and one red partition to look at.

Pictures go to the folder that SCREENSHOTS names; `make screenshots` renews those of docs/img.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sf_pipelines_tests.local.ui import DevServer, NotYetError, dev_server, patiently

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
PATIENCE_MS = 60_000
WINDOW: Any = {"width": 1360, "height": 900}

LAUNCH = """
mutation Launch($day: String!, $object: String!) {
  launchPipelineExecution(executionParams: {
    selector: {
      repositoryName: "__repository__", repositoryLocationName: "sf_pipelines", pipelineName: "__ASSET_JOB",
      assetSelection: [{path: ["salesforce", $object, "load"]}]
    }
    executionMetadata: {tags: [{key: "dagster/partition", value: $day}]}
  }) { __typename ... on LaunchRunSuccess { run { runId } } }
}
"""
STATUS = "query Status($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"

Shoot = Callable[[Page, str], None]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's chromium, or another one that is installed."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("No browser is installed: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def dev(browser: Browser) -> Iterator[DevServer]:
    """The UI on a fresh sandbox, in which today's accounts are loaded and today's opportunities are red."""
    del browser  # without one, nothing is started
    with (
        tempfile.TemporaryDirectory(prefix="sf_pipelines_tests_") as folder,
        dev_server(Path(folder) / "home") as server,
    ):
        assert ended(server, launched(server, "account")) == "SUCCESS"
        assert ended(server, launched(server, "opportunity")) == "FAILURE"
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new window."""
    expect.set_options(timeout=PATIENCE_MS)
    page = browser.new_page(viewport=WINDOW)
    page.set_default_timeout(PATIENCE_MS)
    yield page
    page.close()


@pytest.fixture
def shoot() -> Shoot:
    """Keeps a picture of the window where somebody asked for pictures."""
    folder = os.environ.get("SCREENSHOTS")

    def shoot(page: Page, name: str) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png")

    return shoot


def today() -> str:
    """The running partition."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def launched(server: DevServer, sobject: str) -> str:
    """The run that loads an object for today, once the server answers."""

    def launch() -> str:
        return server.graphql(LAUNCH, day=today(), object=sobject)["launchPipelineExecution"]["run"]["runId"]

    return patiently(launch, seconds=300)


def ended(server: DevServer, run_id: str) -> str:
    """The last state of a run."""

    def status() -> str:
        found = server.graphql(STATUS, run=run_id)["runOrError"]["status"]
        if found not in {"SUCCESS", "FAILURE", "CANCELED"}:
            raise NotYetError(found)
        return found

    return patiently(status, seconds=240)
