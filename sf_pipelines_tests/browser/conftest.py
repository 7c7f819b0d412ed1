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

from sf_pipelines_tests.local.ui import DevServer, dev_server

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
PATIENCE_MS = 60_000
SLOW_SECONDS = 300
"""The first answer waits for all definitions to load, on whatever machine this is."""

WINDOW: Any = {"width": 1360, "height": 900}

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
        for sobject, state in (("account", "SUCCESS"), ("opportunity", "FAILURE")):
            run_id = server.launched(sobject, today(), seconds=SLOW_SECONDS)
            assert server.ended(run_id, seconds=SLOW_SECONDS) == state
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
