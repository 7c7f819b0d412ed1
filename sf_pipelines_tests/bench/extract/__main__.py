"""A million accounts of twenty fields to Parquet: ours, simple-salesforce with pandas, dlt, and the floor.

`python -m sf_pipelines_tests.bench.extract [rows [more sizes of ours]]`. The floor is curl of the same pages
with pyarrow; dlt is left out where the package index does not give it. Each runs in a fresh process on a
freshly started emulator. Prints a table and keeps it in docs/, with and without the org's own work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sf_pipelines.config.settings import PREFIX
from sf_pipelines.local.postgres import EmbeddedPostgres
from sf_pipelines_tests.bench.extract.scene import fill, served

ROWS = 1_000_000
FLAT_ROWS = (200_000, 5_000_000)
"""Further sizes at which the memory of ours is looked at."""

DLT = ("dlt[parquet]", "fsspec")
DOCUMENT = Path("docs/extract-benchmark.md")
RSS_LIMIT_MB, CALLS_LIMIT, FLOOR_LIMIT, PANDAS_LIMIT = 400.0, 60, 1.3, 3.0
OURS, PANDAS, LOADER, FLOOR = (
    "sf_pipelines",
    "simple-salesforce bulk2 + pandas",
    "dlt, REST",
    "curl + pyarrow",
)
MODULES = {PANDAS: "simple_salesforce_pandas", LOADER: "dlt_loader", FLOOR: "floor"}

Figures = dict[str, Any]


def main() -> None:
    """Measure everything in one go, since figures of different hours do not compare."""
    sizes = [int(text) for text in sys.argv[1:]] or [ROWS, *FLAT_ROWS]
    rows = sizes[0]
    with tempfile.TemporaryDirectory() as folder:
        org = Path(folder) / "org.sqlite"
        fill(org, rows)
        figures = {OURS: _ours(org, Path(folder))}
        figures |= {name: _other(name, org, sys.executable) for name in (PANDAS, FLOOR)}
        python = _dlt_environment(Path(folder))
        if python is not None:
            figures[LOADER] = _other(LOADER, org, python)
        flat = [_ours_of(size, Path(folder)) for size in sizes[1:]]
    report = _report(rows, figures, [*flat, figures[OURS]])
    Console().print(_table(figures))
    Console().print("\n".join(report))
    DOCUMENT.write_text(_document(rows, figures, report), encoding="utf-8")


def _ours_of(rows: int, folder: Path) -> Figures:
    org = folder / f"org-{rows}.sqlite"
    fill(org, rows)
    return _ours(org, folder)


def _ours(org: Path, folder: Path) -> Figures:
    with (
        tempfile.TemporaryDirectory(dir=folder) as home,
        EmbeddedPostgres(Path(home) / "postgres") as postgres,
        served(org) as running,
    ):
        settings = {
            "HOME": f"{home}/home",
            "DATABASE_URL": postgres.url,
            "SALESFORCE_URL": running.url,
            "SALESFORCE_CLIENT_ID": running.client_id,
            "SALESFORCE_CLIENT_SECRET": running.client_secret,
            "EXTRACT_LAG_SECONDS": "0",
        }
        environment = os.environ | {PREFIX + name: value for name, value in settings.items()}
        figures = _run([sys.executable, "-m", "sf_pipelines_tests.bench.extract.ours"], environment)
        return figures | {"api_calls": running.calls()}


def _other(name: str, org: Path, python: str) -> Figures:
    with tempfile.TemporaryDirectory() as home, served(org) as running:
        module = f"sf_pipelines_tests.bench.extract.{MODULES[name]}"
        figures = _run([python, "-m", module, running.url, running.access_token, home], os.environ)
        return figures | {"api_calls": running.calls()}


def _run(command: Sequence[str], environment: Mapping[str, str]) -> Figures:
    done = subprocess.run(command, env=dict(environment), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _dlt_environment(folder: Path) -> str | None:
    """Python of a throw-away environment with dlt; None where the package index does not give it."""
    place = folder / "dlt"
    python = str(place / "bin" / "python")
    commands = ([sys.executable, "-m", "venv", str(place)], [python, "-m", "pip", "install", "-q", *DLT])
    for command in commands:
        if subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode:
            return None
    return python


def _table(figures: Mapping[str, Figures]) -> Table:
    table = Table("Loader", title="To Parquet, each in a fresh process")
    for name in _HEADERS:
        table.add_column(name, justify="right")
    for name in figures:
        table.add_row(name, *_cells(figures[name], figures))
    return table


_HEADERS = ("Wall s", "of it the org's query", "Client s", "CPU s", "Peak RSS MB", "API calls",
            "Client : floor", "CPU : floor")  # fmt: skip


def _cells(of: Figures, figures: Mapping[str, Figures]) -> tuple[str, ...]:
    floor = figures[FLOOR]
    return (
        f"{of['wall_seconds']:.1f}",
        f"{of['waited_seconds']:.1f}",
        f"{_client(of):.1f}",
        f"{of['cpu_seconds']:.1f}",
        f"{of['peak_rss_mb']:.0f}",
        str(of["api_calls"]),
        f"{_client(of) / _client(floor):.2f}",
        f"{of['cpu_seconds'] / floor['cpu_seconds']:.2f}",
    )


def _client(of: Figures) -> float:
    """Wall seconds without those in which the org ran the query."""
    return of["wall_seconds"] - of["waited_seconds"]


def _report(rows: int, figures: Mapping[str, Figures], ours: Sequence[Figures]) -> list[str]:
    """What was promised, and what came of it."""
    own, floor, pandas = figures[OURS], figures[FLOOR], figures[PANDAS]
    calls = own["api_calls"] * 1_000_000 / rows
    to_floor = own["wall_seconds"] / floor["wall_seconds"]
    client_to_floor = _client(own) / _client(floor)
    to_pandas = _client(pandas) / _client(own)
    peaks = ", ".join(f"{item['peak_rss_mb']:.0f} MB for {item['rows']:,} rows" for item in ours)
    most = max(item["peak_rss_mb"] for item in ours)
    return [
        f"Wall time {to_floor:.2f} times the floor's ({client_to_floor:.2f} without the org's query): "
        f"{_word(to_floor <= FLOOR_LIMIT)} {FLOOR_LIMIT}.",
        f"{to_pandas:.1f} times as fast as simple-salesforce and pandas without the org's query, with "
        f"{pandas['cpu_seconds'] / own['cpu_seconds']:.1f} times less CPU: "
        f"{_word(to_pandas >= PANDAS_LIMIT)} {PANDAS_LIMIT}.",
        f"Peak RSS {peaks} (merging into PostgreSQL included): {_word(most < RSS_LIMIT_MB)} "
        f"{RSS_LIMIT_MB:.0f} MB.",
        f"{calls:.0f} API calls per 1,000,000 rows: {_word(calls < CALLS_LIMIT)} {CALLS_LIMIT}.",
        f"With merging into PostgreSQL the run took {own['seconds_with_merge']:.1f} s.",
    ]


def _word(is_within: bool) -> str:
    return "within the promised" if is_within else "BEYOND the promised"


def _document(rows: int, figures: Mapping[str, Figures], report: Sequence[str]) -> str:
    lines = [
        "# Extract benchmark",
        "",
        f"`make bench` reads {rows:,} Accounts of 20 fields from the emulator to Parquet with each loader,",
        "in one run, each in a fresh process on a freshly started emulator;",
        f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end. *Client* is wall time",
        "without the time in which the org ran the query. dlt reads by REST, as its Salesforce source does.",
        "",
        f"| Loader | {' | '.join(_HEADERS)} |",
        f"|---|{'---:|' * len(_HEADERS)}",
        *(f"| {name} | {' | '.join(_cells(figures[name], figures))} |" for name in figures),
        "",
        *(f"* {line}" for line in report),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
