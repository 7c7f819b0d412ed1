"""`python -m sf_pipelines_tests.bench.row_locks`: one Bulk load of siblings, grouped by parent and not.

The org has slow triggers and works on several batches at once, so that batches with children of one Account
contend for its row. Prints a table and writes row_locks.json. The org's clock runs faster than ours, so a
load of many minutes takes seconds: times in the table are the org's.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any
from unittest.mock import patch

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from sf_pipelines.config.settings import Secret
from sf_pipelines.emulator.bulk.settings import BulkSettings
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.latency.profile import LatencyProfile
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.engine import migrate, open_engine
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.local.postgres import EmbeddedPostgres
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.sync import LoadSync, Source, SourceKind
from sf_pipelines.policy.poll_schedule import PollSchedule
from sf_pipelines.rails.client import connect
from sf_pipelines.workflows import load, send
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import KEY, load_of, settings_of

ACCOUNTS, OPPORTUNITIES, SEED = 400, 80_000, 7
SKEW = 3.0
"""The parent of a row is drawn as a power: an eighth of the Accounts has half of the rows."""

SLOW = LatencyProfile(name="slow triggers", trigger_ms_per_row={"Opportunity": 10.0})
PARALLEL_BATCHES = 8
CLOCK_STEP_SECONDS = 0.5
RESULT = Path("row_locks.json")
FIELDS = (KEY, "Account.External_Id__c", "Name", "StageName", "CloseDate", "Amount")

LEDGER_FIGURES = """
SELECT (SELECT count(*) FROM ledger.failed_record
        WHERE attempt = 1 AND code = 'UNABLE_TO_LOCK_ROW') AS locked,
       (SELECT count(*) FROM ledger.failed_record WHERE resent_in IS NOT NULL) AS sent_again,
       (SELECT max(attempt) FROM ledger.load_chunk) AS attempts
"""


def main() -> None:
    """Both ways in one go, each on an empty org and an empty ledger."""
    with tempfile.TemporaryDirectory() as folder:
        source = _write_source(Path(folder) / "opportunities.csv")
        sync = load_of("Opportunity", source, FIELDS)
        runs = [
            {"order": "grouped by parent", **_measure(sync, Path(folder) / "grouped")},
            {"order": "as the source has it", **_ungrouped(sync, Path(folder) / "ungrouped")},
        ]
    RESULT.write_text(json.dumps(runs, indent=2) + "\n")
    _print(runs)


def _ungrouped(sync: LoadSync, folder: Path) -> dict[str, Any]:
    """The product has no switch for this: what it knows about parents is taken from it."""
    with (
        patch.object(load, "locking_parent", lambda *_: None),
        patch.object(send, "locking_parent", lambda *_: None),
    ):
        return _measure(sync, folder)


def _measure(sync: LoadSync, folder: Path) -> dict[str, Any]:
    clock = Clock(datetime(2026, 3, 4, tzinfo=UTC), frozen=True)
    settings = BulkSettings(parallel_batches=PARALLEL_BATCHES)
    with (
        EmbeddedPostgres(folder / "postgres") as postgres,
        EmulatorServer(clock=clock, bulk=settings, profile=SLOW, session_lifetime_seconds=1e6) as server,
    ):
        accounts = [{KEY: f"a{number}", "Name": f"Account {number}"} for number in range(ACCOUNTS)]
        server.surface.org.create("Account", accounts)
        engine = open_engine(postgres.url)
        migrate(engine)
        before = clock.now()
        with _running_fast(clock):
            report = run_load(
                LoadRequest(sync=sync, forced_rail=Rail.BULK), _tools(server, engine, postgres, folder)
            )
        retries = sum(job.retries for job in server.surface.jobs.all())
        figures = _ledger_figures(engine)
        engine.dispose()
        return {
            "rows": report.counts.submitted,
            "rows_in_the_org": server.surface.org.query("SELECT COUNT() FROM Opportunity").total_size,
            "locked_at_first": figures["locked"],
            "retries_of_the_org": retries,
            "sent_again": figures["sent_again"],
            "attempts": figures["attempts"],
            "still_failed": report.counts.failed,
            "api_calls": report.api_calls,
            "org_seconds": round((clock.now() - before).total_seconds()),
        }


def _tools(server: EmulatorServer, engine: Engine, postgres: EmbeddedPostgres, folder: Path) -> Tools:
    schedule = PollSchedule(shortest_seconds=0.2, longest_seconds=0.2)
    return Tools(
        client=connect(settings_of(server), schedule=schedule),
        ledger=Ledger(engine),
        engine=engine,
        database_url=Secret(postgres.url),
        lake=str(folder / "lake"),
        spool=folder / "spool",
        extract_lag_seconds=0,
    )


def _ledger_figures(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return dict(connection.execute(text(LEDGER_FIGURES)).mappings().one())


@contextmanager
def _running_fast(clock: Clock) -> Generator[None]:
    """Move the org's clock on, a hundred times as fast as ours."""
    done = Event()

    def run() -> None:
        while not done.wait(CLOCK_STEP_SECONDS / 100):
            clock.advance(CLOCK_STEP_SECONDS)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _write_source(path: Path) -> Source:
    random = Random(SEED)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        for number in range(OPPORTUNITIES):
            parent = int(ACCOUNTS * random.random() ** SKEW)
            writer.writerow([f"o{number}", f"a{parent}", f"Deal {number}", "Prospecting", "2026-12-31", "10"])
    return Source(kind=SourceKind.CSV, location=str(path))


def _print(runs: list[dict[str, Any]]) -> None:
    table = Table("", *(run["order"] for run in runs), title="Opportunities of skewed Accounts by Bulk")
    for name in (name for name in runs[0] if name != "order"):
        table.add_row(name.replace("_", " "), *(f"{run[name]:,}" for run in runs))
    Console().print(table)


if __name__ == "__main__":
    main()
