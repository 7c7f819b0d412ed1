"""`make bench`: loads and extracts of 100,000 and 1,000,000 rows of 1 KB by Bulk, each in a fresh process.

Prints a table and writes bench.json. PostgreSQL and the emulator run in processes of their own, so that
the memory shown is the client's alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from sf_pipelines.config.settings import PREFIX
from sf_pipelines.ledger.engine import open_engine
from sf_pipelines.local.postgres import EmbeddedPostgres

SIZES = (100_000, 1_000_000)
RESULT = Path("bench.json")
GROWTH_LIMIT_MB = 50.0
CALLS_LIMIT = 100
"""Metered calls per 1,000,000 rows, polls included."""

JOIN_SHARE_LIMIT = 0.25
"""Of the time from the upload to the end of the jobs: what joining the results to the rows may cost."""

FILL = """
CREATE SCHEMA bench;
CREATE TABLE bench.account AS
SELECT n AS number, 'B-' || lpad(n::text, 9, '0') AS key, 'Company number ' || n AS name,
       (ARRAY['Technology', 'Retail', 'Finance', 'Healthcare'])[1 + n % 4] AS industry,
       (n * 37 % 1000000) + 0.25 AS revenue, n % 5000 AS employees, 'United States' AS country,
       'https://www.company-' || n || '.example' AS website,
       '+1 555 ' || lpad((n % 10000)::text, 4, '0') AS phone,
       repeat('Lorem ipsum dolor sit amet, "quoted" and as long as a real one. ', 14) || n AS description
FROM generate_series(0, :last) AS n
"""


def main() -> None:
    """Run every size in one go, since figures of different hours do not compare."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as postgres:
        engine = open_engine(postgres.url)
        with engine.begin() as connection:
            connection.execute(text(FILL), {"last": max(SIZES) - 1})
        engine.dispose()
        runs = [run for rows in SIZES for run in _measure(rows, postgres.url, Path(folder))]
    growth = {
        what: round(_of(runs, what, SIZES[-1])["peak_rss_mb"] - _of(runs, what, SIZES[0])["peak_rss_mb"], 1)
        for what in ("load", "extract")
    }
    RESULT.write_text(json.dumps({"runs": runs, "peak_rss_growth_mb": growth}, indent=2) + "\n")
    _print(runs, growth)


def _measure(rows: int, database_url: str, folder: Path) -> list[dict[str, Any]]:
    """A load and the extract of what it wrote, on an empty org."""
    command = [str(Path(sys.executable).with_name("sf-pipelines")), "emulator", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as emulator:
        try:
            assert emulator.stdout is not None
            org = json.loads(emulator.stdout.readline())
            environment = {
                f"{PREFIX}HOME": str(folder / f"home-{rows}"),
                f"{PREFIX}DATABASE_URL": database_url,
                f"{PREFIX}SALESFORCE_URL": org["url"],
                f"{PREFIX}SALESFORCE_CLIENT_ID": org["client_id"],
                f"{PREFIX}SALESFORCE_CLIENT_SECRET": org["client_secret"],
                f"{PREFIX}EXTRACT_LAG_SECONDS": "0",
            }
            return [_one_run(what, rows, environment) for what in ("load", "extract")]
        finally:
            emulator.terminate()


def _one_run(what: str, rows: int, environment: dict[str, str]) -> dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-m", "sf_pipelines_tests.bench.one_run", what, str(rows)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(finished.stdout)


def _of(runs: list[dict[str, Any]], what: str, rows: int) -> dict[str, Any]:
    return next(run for run in runs if run["what"] == what and run["rows"] == rows)


def _print(runs: list[dict[str, Any]], growth: dict[str, float]) -> None:
    table = Table("Run", title="Bulk, one fresh process each")
    for name in ("Rows", "Wall s", "CPU s", "Peak RSS MB", "API calls", "Rows/s"):
        table.add_column(name, justify="right")
    for run in runs:
        speed = run["rows"] / run["wall_seconds"]
        figures = (f"{run['wall_seconds']:.1f}", f"{run['cpu_seconds']:.1f}", f"{run['peak_rss_mb']:.0f}")
        table.add_row(run["what"], f"{run['rows']:,}", *figures, str(run["api_calls"]), f"{speed:,.0f}")
    console = Console()
    console.print(table)
    for what, grown in growth.items():
        word = _word(grown, GROWTH_LIMIT_MB)
        console.print(
            f"{what}: peak RSS grew by {grown:.1f} MB for 10 times the rows, {word} {GROWTH_LIMIT_MB:.0f} MB"
        )
    load = _of(runs, "load", SIZES[-1])
    calls = load["api_calls"] * 1_000_000 / load["rows"]
    sending = load["upload_seconds"] + load["wait_seconds"]
    share = load["join_seconds"] / sending
    console.print(
        f"load: {calls:.0f} API calls per 1,000,000 rows, {_word(calls, CALLS_LIMIT)} {CALLS_LIMIT}"
    )
    console.print(
        f"load: joining results took {load['join_seconds']:.1f} s, {share:.0%} of the {sending:.1f} s of "
        f"uploading ({load['upload_seconds']:.1f} s, to this machine) and of the org's work, "
        f"{_word(share, JOIN_SHARE_LIMIT)} {JOIN_SHARE_LIMIT:.0%}"
    )


def _word(figure: float, limit: float) -> str:
    return "within" if figure < limit else "BEYOND"


if __name__ == "__main__":
    main()
