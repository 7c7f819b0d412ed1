"""`python -m sf_pipelines_tests.bench.emulator --rows 1000000`: what a Bulk job costs the emulator itself.

An insert, an upsert (half of it updates), an update and a query of all rows, against an emulator in a process
of its own whose CPU seconds and peak memory are read from outside. The uploads are written first, so that
the client streams and does nothing else. The org is in memory unless `--org` names a file for it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import psutil
import requests
from rich.console import Console
from rich.table import Table

ROWS_PER_JOB = 500_000
COLUMNS = (
    "Name,Industry,AnnualRevenue,NumberOfEmployees,BillingCity,BillingCountry,Website,Phone,Description\n"
)
KEY = "External_Id__c"
FIELDS = f"Id,{KEY},{COLUMNS.strip().removesuffix(',Description')}"
ID_IN_RESULT = slice(1, 19)
INDUSTRIES = ("Technology", "Retail", "Finance", "Healthcare")
PIECE_ROWS = 2_000
POLL_SECONDS = 0.25
TABLE_WIDTH = 120


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

    def rss_mb(self) -> float:
        return self._process.memory_info().rss / 2**20

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


class Bench:
    """Jobs against one emulator; each method writes its uploads first and then measures."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self._emulator = emulator
        self._folder = folder
        self._numbers = count()
        self.runs: list[dict[str, Any]] = []

    def ingest(self, operation: str, keys: Sequence[str], first: int = 0) -> list[Path]:
        """A row for each key, numbered from `first`; the files of the successful results."""
        key_name = "Id" if operation == "update" else KEY
        uploads: list[tuple[Path, int]] = []
        for at in range(0, len(keys), ROWS_PER_JOB):
            part = keys[at : at + ROWS_PER_JOB]
            uploads.append((self._file(_csv(key_name, part, first + at)), len(part)))
        results: list[Path] = []

        def work() -> int:
            results.extend(self._run_job(operation, upload, rows) for upload, rows in uploads)
            return sum(path.stat().st_size for path in results)

        self._measure(operation, len(keys), work)
        return results

    def query(self, rows: int) -> None:
        self._measure("query", rows, lambda: _query(self._emulator, rows))

    def _run_job(self, operation: str, upload: Path, rows: int) -> Path:
        """A job whole: create, upload, close, wait, read both result files."""
        emulator = self._emulator
        facts = {"externalIdFieldName": KEY} if operation == "upsert" else {}
        body = {"object": "Account", "operation": operation, "contentType": "CSV", **facts}
        path = "/jobs/ingest/" + emulator.call("POST", "/jobs/ingest", json=body).json()["id"]
        with upload.open("rb") as content:
            emulator.call("PUT", f"{path}/batches", data=content, headers={"Content-Type": "text/csv"})
        emulator.call("PATCH", path, json={"state": "UploadComplete"})
        job = emulator.wait(path)
        assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (rows, 0), job
        self._file(_pieces(emulator, f"{path}/failedResults"))
        return self._file(_pieces(emulator, f"{path}/successfulResults"))

    def _file(self, pieces: Iterable[bytes]) -> Path:
        path = self._folder / f"{next(self._numbers)}.csv"
        with path.open("wb") as file:
            file.writelines(pieces)
        return path

    def _measure(self, what: str, rows: int, work: Callable[[], int]) -> None:
        emulator = self._emulator
        cpu, started = emulator.cpu_seconds(), perf_counter()
        bytes_moved = work()
        run = {
            "what": what,
            "rows": rows,
            "megabytes": bytes_moved / 1e6,
            "wall_seconds": perf_counter() - started,
            "cpu_seconds": emulator.cpu_seconds() - cpu,
            "rss_mb": emulator.rss_mb(),
            "peak_rss_mb": emulator.peak_mb(),
        }
        self.runs.append(run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--org", type=Path, help="a new file to keep the org in, instead of memory")
    options = parser.parse_args()
    command = [str(Path(sys.executable).with_name("sf-pipelines")), "emulator", "--port", "0", "--json"]
    if options.org is not None:
        command += ["--org", str(options.org)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            bench = Bench(Emulator(process), Path(folder))
            _run_all(bench, options.rows)
        finally:
            process.terminate()
    _print(bench.runs)


def _run_all(bench: Bench, rows: int) -> None:
    half = rows // 2
    inserted = bench.ingest("insert", _keys(0, rows))
    bench.ingest("upsert", _keys(half, half + rows), half)
    bench.ingest("update", [id_ for path in inserted for id_ in _ids(path)])
    bench.query(rows + half)


def _keys(first: int, end: int) -> list[str]:
    return [f"B-{number:09d}" for number in range(first, end)]


def _ids(result: Path) -> Iterator[str]:
    """The ids of a file of successful results; no value of the bench holds a newline."""
    with result.open(encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            yield line[ID_IN_RESULT]


def _csv(key_name: str, keys: Sequence[str], first: int) -> Iterator[bytes]:
    yield f"{key_name},{COLUMNS}".encode()
    for at in range(0, len(keys), PIECE_ROWS):
        lines = map(_line, keys[at : at + PIECE_ROWS], count(first + at))
        yield "".join(lines).encode()


def _line(key: str, number: int) -> str:
    return (
        f"{key},Company number {number},{INDUSTRIES[number % 4]},{number * 37 % 1_000_000}.25,"
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


def _pieces(emulator: Emulator, path: str) -> Iterator[bytes]:
    headers = {"Accept-Encoding": "identity"}
    yield from emulator.call("GET", path, stream=True, headers=headers).iter_content(1 << 20)


def _print(runs: list[dict[str, Any]]) -> None:
    table = Table("Job", title="The emulator's own cost")
    for name in ("Rows", "MB out", "Wall s", "CPU s", "Rows/CPU s", "Rows/wall s", "RSS MB", "Peak RSS MB"):
        table.add_column(name, justify="right")
    for run in runs:
        per_second = [f"{run['rows'] / run[key]:,.0f}" for key in ("cpu_seconds", "wall_seconds")]
        figures = [f"{run[key]:,.1f}" for key in ("megabytes", "wall_seconds", "cpu_seconds")]
        memory = [f"{run[key]:,.0f}" for key in ("rss_mb", "peak_rss_mb")]
        table.add_row(run["what"], f"{run['rows']:,}", *figures, *per_second, *memory)
    Console(width=TABLE_WIDTH).print(table)


if __name__ == "__main__":
    main()
