"""The same million accounts for every contender: an org in a file, served by a process of its own.

Each contender starts on a freshly started emulator, so that nobody finds another's query job or a warm cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from sf_pipelines.emulator.server import EmulatorServer

BATCH_ROWS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class ServedOrg:
    """An org under way in another process."""

    url: str
    access_token: str
    client_id: str
    client_secret: str

    def calls(self) -> int:
        """Metered calls of its clients."""
        answer = requests.get(f"{self.url}/emulator/limits", timeout=60)
        answer.raise_for_status()
        told = answer.json()["DailyApiRequests"]
        return told["Max"] - told["Remaining"]


def fill(path: Path, rows: int) -> None:
    """Make an org of so many accounts in a file."""
    with EmulatorServer(org_path=path) as server:
        org = server.surface.org
        for first in range(0, rows, BATCH_ROWS):
            records = list(_records(first, min(BATCH_ROWS, rows - first)))
            assert all(result.success for result in org.create("Account", records, user_id=org.user_id))


@contextmanager
def served(path: Path) -> Generator[ServedOrg]:
    """The org of a file in a process of its own."""
    command = [str(Path(sys.executable).with_name("sf-pipelines")), "emulator", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--org", str(path)], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            names = ServedOrg.__dataclass_fields__
            yield ServedOrg(**{name: told[name] for name in names})
        finally:
            process.terminate()


def _records(first: int, count: int) -> Iterator[dict[str, Any]]:
    for number in range(first, first + count):
        yield {
            "Name": f"Company number {number}",
            "Type": ("Prospect", "Other", None)[number % 3],
            "Phone": f"+1 555 {number % 10_000:04d}",
            "Fax": f"+1 556 {number % 10_000:04d}",
            "AccountNumber": f"AN-{number:09d}",
            "Website": f"https://www.company-{number}.example",
            "Sic": f"{number % 9_999:04d}",
            "Industry": ("Technology", "Retail", "Finance", "Healthcare")[number % 4],
            "AnnualRevenue": number * 37 % 1_000_000,
            "NumberOfEmployees": number % 5_000,
            "Ownership": "Public",
            "TickerSymbol": f"T{number % 1_000}",
            "Rating": ("Hot", "Warm", "Cold")[number % 3],
            "Site": f"Site {number % 50}",
            "BillingCity": ("São Paulo", "東京", "New York")[number % 3],
            "Description": f'Lorem ipsum dolor sit amet, "quoted" and\non two lines: {number}',
        }
