"""`python -m sf_pipelines_tests.bench.change_events`: change events from the org into PostgreSQL.

Emulated org, PostgreSQL and subscriber run in processes of their own on this machine. Three figures: events a
second while the subscriber catches up, from commit to ledger at a steady 500 events a second, and the memory
of the subscriber while PostgreSQL stalls and the org would give more and more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Any

import psutil
from rich.console import Console
from sqlalchemy import Engine, text

from sf_pipelines.config.settings import PREFIX, SalesforceSettings, load_settings
from sf_pipelines.ledger.engine import migrate, open_engine
from sf_pipelines.local.postgres import EmbeddedPostgres
from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.ports import SalesforceClient

CHANNEL = "/data/AccountChangeEvent"
CATCH_UP_EVENTS = 100_000
STALL_EVENTS = 20_000
STALL_SECONDS = 20.0
STALL_TEXT = "x" * 4_000
"""Makes events so large that those of the stall would take 80 MB."""

STEADY_SECONDS = 30
STEADY_EVENTS_PER_SECOND = 500
STEADY_WRITES_PER_SECOND = 10
STEADY_ROWS = STEADY_EVENTS_PER_SECOND // STEADY_WRITES_PER_SECOND
TARGET_EVENTS_PER_SECOND = 5_000
TARGET_LAG_SECONDS = 2.0
MEMORY_LIMIT_MB = 64.0
"""What one subscriber may hold is 32 MB of payloads; decoded and as text they take as much again."""

LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Scene:
    """Where everything is; `environment` is that of the subscriber."""

    engine: Engine
    client: SalesforceClient
    org: psutil.Process
    postgres_folder: Path
    environment: Mapping[str, str]

    def stored(self) -> int:
        """Events in the ledger."""
        with self.engine.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM ledger.change_event")).scalar_one()

    def pending(self) -> bool:
        """Whether stored events wait to be merged."""
        statement = "SELECT EXISTS (SELECT FROM ledger.change_event WHERE applied_at IS NULL)"
        with self.engine.connect() as connection:
            return connection.execute(text(statement)).scalar_one()

    def in_warehouse(self) -> int:
        """Rows of raw.account."""
        with self.engine.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM raw.account")).scalar_one()

    def wait_for(self, events: int) -> None:
        """Until so many are stored."""
        while self.stored() < events:
            sleep(LOOK_SECONDS)


def main() -> None:
    """Measure and print one line for each figure."""
    console = Console(width=120)
    with _scene() as scene:
        _catch_up(scene, console)
        _stall(scene, console)
        _steady(scene, console)
        _to_warehouse(scene, console)


def _catch_up(scene: Scene, console: Console) -> None:
    _insert(scene.client, CATCH_UP_EVENTS, {})
    with _subscriber(scene) as subscriber:
        scene.wait_for(1)
        cpu, started, first = _cpu_seconds(scene, subscriber), perf_counter(), scene.stored()
        scene.wait_for(CATCH_UP_EVENTS)
        seconds = perf_counter() - started
        used = {name: after - cpu[name] for name, after in _cpu_seconds(scene, subscriber).items()}
    rate = (CATCH_UP_EVENTS - first) / seconds
    shares = ", ".join(f"{name} {value:.1f}" for name, value in used.items())
    word = "at least" if rate >= TARGET_EVENTS_PER_SECOND else "BELOW"
    console.print(
        f"catching up: {CATCH_UP_EVENTS:,} events in {seconds:.1f} s, {rate:,.0f} a second, {word} "
        f"{TARGET_EVENTS_PER_SECOND:,} (CPU seconds: {shares})",
        highlight=False,
    )


def _stall(scene: Scene, console: Console) -> None:
    before = scene.stored()
    with _subscriber(scene) as subscriber, scene.engine.connect() as locking:
        at_rest_mb = subscriber.memory_info().rss / 2**20
        locking.execute(text("LOCK TABLE ledger.change_event IN ACCESS EXCLUSIVE MODE"))
        _insert(scene.client, STALL_EVENTS, {"Description": STALL_TEXT})
        peak_mb, until = at_rest_mb, perf_counter() + STALL_SECONDS
        while perf_counter() < until:
            peak_mb = max(peak_mb, subscriber.memory_info().rss / 2**20)
            sleep(LOOK_SECONDS)
        locking.rollback()
        scene.wait_for(before + STALL_EVENTS)
        peak_mb = max(peak_mb, subscriber.memory_info().rss / 2**20)
    grown = peak_mb - at_rest_mb
    word = "within" if grown <= MEMORY_LIMIT_MB else "BEYOND"
    console.print(
        f"PostgreSQL stalled for {STALL_SECONDS:.0f} s before {STALL_EVENTS:,} events of 4 kB: the "
        f"subscriber grew from {at_rest_mb:.0f} by {grown:.0f} MB, {word} {MEMORY_LIMIT_MB:.0f} MB, and "
        "stored them all",
        highlight=False,
    )


def _steady(scene: Scene, console: Console) -> None:
    before = scene.stored()
    with _subscriber(scene):
        started = perf_counter()
        _write_steadily(scene.client)
        seconds = perf_counter() - started
        scene.wait_for(before + STEADY_SECONDS * STEADY_EVENTS_PER_SECOND)
    with scene.engine.connect() as connection:
        half, most, worst = connection.execute(text(_LAG), {"before": before}).one()
    word = "within" if most <= TARGET_LAG_SECONDS else "BEYOND"
    console.print(
        f"steady: {STEADY_EVENTS_PER_SECOND * STEADY_SECONDS / seconds:,.0f} events a second; from commit to "
        f"ledger p50 {half:.3f} s, p99 {most:.3f} s, {word} {TARGET_LAG_SECONDS:.0f} s, worst {worst:.3f} s",
        highlight=False,
    )


def _to_warehouse(scene: Scene, console: Console) -> None:
    """From the answer of a write until its rows are seen in raw.account, looked at every LOOK_SECONDS."""
    with _subscriber(scene, "--merge", "Account"):
        while scene.pending():
            sleep(LOOK_SECONDS)
        before, seen, is_over = scene.in_warehouse(), list[tuple[float, int]](), Event()
        watcher = Thread(target=_watch, args=(scene, seen, is_over))
        watcher.start()
        written = _write_steadily(scene.client)
        while scene.in_warehouse() < before + len(written) * STEADY_ROWS:
            sleep(LOOK_SECONDS)
        is_over.set()
        watcher.join()
    goals = [before + (number + 1) * STEADY_ROWS for number in range(len(written))]
    lags = sorted(
        next(at for at, rows in seen if rows >= goal) - told
        for goal, told in zip(goals, written, strict=True)
    )
    most = lags[int(len(lags) * 0.99)]
    word = "within" if most <= TARGET_LAG_SECONDS else "BEYOND"
    console.print(
        f"merged by the service: from commit to raw.account p50 {lags[len(lags) // 2]:.2f} s, "
        f"p99 {most:.2f} s, {word} {TARGET_LAG_SECONDS:.0f} s, worst {lags[-1]:.2f} s",
        highlight=False,
    )


def _watch(scene: Scene, seen: list[tuple[float, int]], is_over: Event) -> None:
    while True:
        is_last = is_over.is_set()
        rows = scene.in_warehouse()
        seen.append((perf_counter(), rows))
        if is_last:
            return
        sleep(LOOK_SECONDS)


def _write_steadily(client: SalesforceClient) -> list[float]:
    """STEADY_EVENTS_PER_SECOND for STEADY_SECONDS; when each write was answered."""
    started, answered = perf_counter(), list[float]()
    for number in range(STEADY_SECONDS * STEADY_WRITES_PER_SECOND):
        records = [{"Name": f"Steady {number}-{row}"} for row in range(STEADY_ROWS)]
        client.rest.write("Account", Operation.INSERT, records)
        answered.append(perf_counter())
        sleep(max(0.0, started + (number + 1) / STEADY_WRITES_PER_SECOND - perf_counter()))
    return answered


_LAG = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY lag), percentile_cont(0.99) WITHIN GROUP (ORDER BY lag),
       max(lag)
FROM (SELECT extract(epoch FROM stored_at - commit_timestamp)::float AS lag FROM ledger.change_event
      ORDER BY id OFFSET :before) AS event
"""


@contextmanager
def _scene() -> Generator[Scene]:
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as postgres:
        command = [sys.executable, "-m", "sf_pipelines_tests.bench.change_org"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            org = json.loads(process.stdout.readline())
            environment = os.environ | {
                f"{PREFIX}HOME": folder,
                f"{PREFIX}DATABASE_URL": postgres.url,
                f"{PREFIX}SALESFORCE_URL": org["url"],
                f"{PREFIX}SALESFORCE_CLIENT_ID": org["client_id"],
                f"{PREFIX}SALESFORCE_CLIENT_SECRET": org["client_secret"],
                f"{PREFIX}PUBSUB_URL": org["pubsub_url"],
                f"{PREFIX}CHANNELS": CHANNEL,
                f"{PREFIX}CHANGES_FIRST_START": "earliest",
            }
            engine = open_engine(postgres.url)
            migrate(engine)
            salesforce: SalesforceSettings = load_settings(environment).require_salesforce()
            try:
                yield Scene(
                    engine, connect(salesforce), psutil.Process(process.pid), Path(folder), environment
                )
            finally:
                engine.dispose()
                process.terminate()


@contextmanager
def _subscriber(scene: Scene, *options: str) -> Generator[psutil.Process]:
    """A subscriber that holds the channel already."""
    command = [str(Path(sys.executable).with_name("sf-pipelines")), "subscribe", "--json", *options]
    before = _holder(scene.engine)
    with subprocess.Popen(
        command, env=scene.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while _holder(scene.engine) == before:
                sleep(LOOK_SECONDS)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _holder(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return connection.execute(text("SELECT holder FROM ledger.replay_position")).scalar_one_or_none()


def _insert(client: SalesforceClient, rows: int, more: Mapping[str, str]) -> None:
    """Rows by one Bulk job."""
    job = client.ingest.create("Account", Operation.INSERT)
    header = ",".join(["Name", *more]) + "\n"
    values = "".join(f",{value}" for value in more.values())
    body = [header.encode(), *(f"Company {number}{values}\n".encode() for number in range(rows))]
    client.ingest.upload(job.id, body)
    client.ingest.close(job.id)
    done = client.ingest.wait(job.id, expected_seconds=1.0)
    assert (done.records_processed, done.records_failed) == (rows, 0)


def _cpu_seconds(scene: Scene, subscriber: psutil.Process) -> dict[str, float]:
    family = {"org": [scene.org], "subscriber": [subscriber], "PostgreSQL": _backends(scene)}
    return {name: sum(map(_cpu, processes)) for name, processes in family.items()}


def _backends(scene: Scene) -> list[psutil.Process]:
    with scene.engine.connect() as connection:
        pids = connection.execute(text("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"))
        return [psutil.Process(row.pid) for row in pids if psutil.pid_exists(row.pid)]


def _cpu(process: psutil.Process) -> float:
    times: Any = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
