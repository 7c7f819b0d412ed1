"""`python -m sf_pipelines_tests.bench.emulator --rows 1000000`: what a Bulk job costs the emulator itself.

An insert, an upsert (half of it updates) and a query of all rows, against an emulator in a process of its own
whose CPU seconds and peak memory are read from outside. The client streams and does nothing else.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import psutil
import requests
from rich.console import Console
from rich.table import Table

ROWS_PER_JOB = 500_000
HEADER = (
    "External_Id__c,Name,Industry,AnnualRevenue,NumberOfEmployees,"
    "BillingCity,BillingCountry,Website,Phone,Description\n"
)
FIELDS = f"Id,{HEADER.strip().removesuffix(',Description')}"
INDUSTRIES = ("Technology", "Retail", "Finance", "Healthcare")
PIECE_ROWS = 2_000
POLL_SECONDS = 0.05


class Emulator:
    """One emulator process, and a session with it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        org = json.loads(process.stdout.readline())
        self._process = psutil.Process(process.pid)
        self.data = f"{org['url']}/services/data/v66.0"
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {org['access_token']}"

    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    def peak_mb(self) -> float:
        """The process's own high-water mark."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        return int(kilobytes) / 1024

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        response = self.http.request(method, self.data + path, timeout=600, **options)
        response.raise_for_status()
        return response

    def wait(self, path: str) -> dict[str, Any]:
        while True:
            job = self.call("GET", path).json()
            if job["state"] in ("JobComplete", "Failed", "Aborted"):
                assert job["state"] == "JobComplete", job
                return job
            sleep(POLL_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("sf-pipelines")), "emulator", "--port", "0", "--json"]
        command += ["--org", str(Path(folder) / "org.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                runs = _run_all(Emulator(process), rows)
            finally:
                process.terminate()
    _print(runs)


def _run_all(emulator: Emulator, rows: int) -> list[dict[str, Any]]:
    half = rows // 2
    return [
        _measured(emulator, "insert", rows, lambda: _ingest(emulator, "insert", 0, rows)),
        _measured(emulator, "upsert", rows, lambda: _ingest(emulator, "upsert", half, half + rows)),
        _measured(emulator, "query", rows + half, lambda: _query(emulator, rows + half)),
    ]


def _measured(emulator: Emulator, what: str, rows: int, work: Any) -> dict[str, Any]:
    cpu, started = emulator.cpu_seconds(), perf_counter()
    bytes_moved = work()
    return {
        "what": what,
        "rows": rows,
        "megabytes": bytes_moved / 1e6,
        "wall_seconds": perf_counter() - started,
        "cpu_seconds": emulator.cpu_seconds() - cpu,
        "peak_rss_mb": emulator.peak_mb(),
    }


def _ingest(emulator: Emulator, operation: str, first: int, end: int) -> int:
    """Each job whole: create, upload, close, wait, read both result files; the bytes moved."""
    moved = 0
    for start in range(first, end, ROWS_PER_JOB):
        stop = min(start + ROWS_PER_JOB, end)
        facts = {"externalIdFieldName": "External_Id__c"} if operation == "upsert" else {}
        body = {"object": "Account", "operation": operation, "contentType": "CSV", **facts}
        path = "/jobs/ingest/" + emulator.call("POST", "/jobs/ingest", json=body).json()["id"]
        content = _csv(start, stop)
        emulator.call("PUT", f"{path}/batches", data=content, headers={"Content-Type": "text/csv"})
        emulator.call("PATCH", path, json={"state": "UploadComplete"})
        job = emulator.wait(path)
        assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (stop - start, 0), job
        moved += sum(_drain(emulator, f"{path}/{kind}") for kind in ("successfulResults", "failedResults"))
    return moved


def _csv(first: int, end: int) -> Iterator[bytes]:
    yield HEADER.encode()
    for start in range(first, end, PIECE_ROWS):
        yield "".join(_line(number) for number in range(start, min(start + PIECE_ROWS, end))).encode()


def _line(number: int) -> str:
    return (
        f"B-{number:09d},Company number {number},{INDUSTRIES[number % 4]},{number * 37 % 1_000_000}.25,"
        f"{number % 5000},City {number % 97},United States,https://www.company-{number}.example,"
        f'+1 555 {number % 10_000:04d},"Lorem ipsum dolor sit amet, ""quoted"" {number}"\n'
    )


def _query(emulator: Emulator, rows: int) -> int:
    body = {"operation": "query", "query": f"SELECT {FIELDS} FROM Account"}
    path = "/jobs/query/" + emulator.call("POST", "/jobs/query", json=body).json()["id"]
    assert emulator.wait(path)["numberRecordsProcessed"] == rows
    moved, locator = 0, ""
    while locator != "null":
        page = emulator.call(
            "GET", f"{path}/results", params={"locator": locator} if locator else {}, stream=True
        )
        moved += sum(map(len, page.iter_content(1 << 20)))
        locator = page.headers["Sforce-Locator"]
    return moved


def _drain(emulator: Emulator, path: str) -> int:
    headers = {"Accept-Encoding": "identity"}
    response = emulator.call("GET", path, stream=True, headers=headers)
    return sum(map(len, response.iter_content(1 << 20)))


def _print(runs: list[dict[str, Any]]) -> None:
    table = Table("Job", title="The emulator's own cost")
    for name in ("Rows", "MB out", "Wall s", "CPU s", "Rows/CPU s", "Rows/wall s", "Peak RSS MB"):
        table.add_column(name, justify="right")
    for run in runs:
        per_second = [f"{run['rows'] / run[key]:,.0f}" for key in ("cpu_seconds", "wall_seconds")]
        figures = [f"{run[key]:,.1f}" for key in ("megabytes", "wall_seconds", "cpu_seconds")]
        table.add_row(run["what"], f"{run['rows']:,}", *figures, *per_second, f"{run['peak_rss_mb']:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
