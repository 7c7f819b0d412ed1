"""Single-row REST calls on the emulator over real HTTP on loopback: median and 95th percentile in ms.

`python -m sf_pipelines_tests.bench.single_rows [calls]`; the emulator runs in a process of its own, the
client is `http.client` on one kept connection, so that the figures are mostly the emulator's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

DEFAULT_CALLS = 500
WARM_UP_CALLS = 50
TARGET_MEDIAN_MS = 3.0


class _Client:
    """One kept connection with a session."""

    def __init__(self, org: dict[str, str]) -> None:
        self._connection = HTTPConnection(urlsplit(org["url"]).netloc, timeout=30)
        self._headers = {
            "Authorization": f"Bearer {org['access_token']}",
            "Content-Type": "application/json",
        }

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON of an answer below 300, None when it has none."""
        content = None if body is None else json.dumps(body)
        self._connection.request(method, "/services/data/v62.0" + path, content, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        assert response.status < 300, answer
        return json.loads(answer) if answer else None


def main() -> None:
    """Measure each kind of call and print one line for it."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_CALLS
    command = [str(Path(sys.executable).with_name("sf-pipelines")), "emulator", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:
        try:
            assert emulator.stdout is not None
            client = _Client(json.loads(emulator.stdout.readline()))
            _print({name: _measure(work, calls) for name, work in _work(client).items()})
        finally:
            emulator.terminate()


def _work(client: _Client) -> dict[str, Callable[[int], Any]]:
    id_ = client.call("POST", "/sobjects/Account", {"Name": "Acme"})["id"]
    return {
        "POST row": lambda n: client.call("POST", "/sobjects/Account", {"Name": f"Company {n}"}),
        "GET row, 3 fields": lambda _: client.call(
            "GET", f"/sobjects/Account/{id_}?fields=Id,Name,SystemModstamp"
        ),
        "GET row, all fields": lambda _: client.call("GET", f"/sobjects/Account/{id_}"),
        "PATCH row": lambda n: client.call("PATCH", f"/sobjects/Account/{id_}", {"Name": f"Company {n}"}),
        "PATCH by external id": lambda n: client.call(
            "PATCH", f"/sobjects/Account/External_Id__c/key-{n}", {"Name": f"Company {n}"}
        ),
    }


def _measure(work: Callable[[int], Any], calls: int) -> list[float]:
    for number in range(WARM_UP_CALLS):
        work(number)
    taken: list[float] = []
    for number in range(calls):
        started = perf_counter()
        work(number)
        taken.append((perf_counter() - started) * 1000)
    return taken


def _print(measured: dict[str, list[float]]) -> None:
    table = Table("Call", title="Single rows over HTTP on loopback, one connection")
    for name in ("Calls", "Median ms", "p95 ms", f"Median under {TARGET_MEDIAN_MS:.0f} ms"):
        table.add_column(name, justify="right")
    for name, taken in measured.items():
        middle = median(taken)
        verdict = "yes" if middle < TARGET_MEDIAN_MS else "NO"
        table.add_row(name, str(len(taken)), f"{middle:.2f}", f"{quantiles(taken, n=20)[-1]:.2f}", verdict)
    Console().print(table)


if __name__ == "__main__":
    main()
