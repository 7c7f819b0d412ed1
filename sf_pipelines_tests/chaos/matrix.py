"""Every point of the crash matrix: a load is struck at a call or a commit, run again, and compared."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from sf_pipelines.config.settings import AuthFlow, SalesforceSettings, Secret
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.engine import open_engine
from sf_pipelines.ledger.load_queries import unfinished_loads
from sf_pipelines.ledger.queries import recent_runs, unfinished_jobs
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.ports import SalesforceClient
from sf_pipelines_tests.chaos.databases import Databases
from sf_pipelines_tests.chaos.http_proxy import HttpProxy
from sf_pipelines_tests.chaos.postgres_proxy import PostgresProxy
from sf_pipelines_tests.chaos.runner import RunSpec, run
from sf_pipelines_tests.chaos.scene import (
    CALL_ROWS,
    JOB_BYTES,
    ROWS,
    Scene,
    content,
    is_expected_verdict,
    make_scene,
)
from sf_pipelines_tests.chaos.strike import Side, Strike

OPERATIONS = (Operation.INSERT, Operation.UPSERT, Operation.UPDATE, Operation.DELETE)
RAILS = (Rail.REST, Rail.BULK)
PROCESS_SECONDS = 60.0


class What(StrEnum):
    """What happens to the process: SIGKILL at a call, or its database connection lost at a commit."""

    KILLED = "killed at call"
    DATABASE_LOST = "database lost at commit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One place to strike; None strikes nowhere, and counts the places that there are."""

    operation: Operation
    rail: Rail
    what: What
    strike: Strike | None

    def __str__(self) -> str:
        where = (
            f"{self.what.value} {self.strike.number}, {self.strike.side.value}" if self.strike else "whole"
        )
        return f"{self.operation.value} by {self.rail.value}, {where}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The org and the ledger after a point.

    Attributes:
        lost, doubled: rows of the org that are missing or too many.
        trouble: what else is wrong, empty where the ledger is closed and says the truth.
        places: calls or commits of the first process.
    """

    point: Point
    lost: int
    doubled: int
    trouble: str
    places: int

    @property
    def is_bad(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.lost or self.doubled or self.trouble)

    def __str__(self) -> str:
        return f"{self.point}: lost {self.lost}, doubled {self.doubled}. {self.trouble}"


class Matrix:
    """Runs points on one database server."""

    def __init__(self, postgres_url: str) -> None:
        self._databases = Databases(postgres_url)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([run.__module__])

    def points(self, operation: Operation, rail: Rail, what: What) -> list[Point]:
        """Every place of one load, found by a run that is not struck."""
        whole = Point(operation=operation, rail=rail, what=what, strike=None)
        finding = self.strike(whole)
        if finding.is_bad:
            raise AssertionError(f"A load that nothing happened to is wrong already: {finding}")
        return [
            Point(operation=operation, rail=rail, what=what, strike=Strike(number=number, side=side))
            for number in range(1, finding.places + 1)
            for side in Side
        ]

    def strike(self, point: Point) -> Finding:
        """Run a load with the strike, then once more without, and compare."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            database_url = stack.enter_context(self._databases.one())
            emulator = stack.enter_context(EmulatorServer())
            direct = connect(_settings(emulator.credentials.url, emulator))
            scene = make_scene(point.operation, point.rail, direct, folder)
            http = stack.enter_context(HttpProxy(emulator.credentials.url))
            postgres = stack.enter_context(PostgresProxy(database_url))
            spec = RunSpec(
                sync=scene.sync,
                rail=scene.rail,
                salesforce=_settings(http.url, emulator),
                database_url=postgres.url(database_url),
                spool=folder / "spool",
                log=folder / "log",
                job_max_bytes=JOB_BYTES,
                call_rows=CALL_ROWS,
            )
            places = self._first(point, spec, http, postgres)
            if point.strike is not None:
                http.arm(None)
                postgres.arm(None)
                self._run(spec)
            return _finding(point, scene, direct, database_url, places, spec.log)

    def _first(self, point: Point, spec: RunSpec, http: HttpProxy, postgres: PostgresProxy) -> int:
        process = self._context.Process(target=run, args=(spec,))
        if point.what is What.KILLED:
            http.arm(point.strike, process.kill)
        else:
            postgres.arm(point.strike)
        _end(process)
        return len(http.calls) if point.what is What.KILLED else postgres.commits

    def _run(self, spec: RunSpec) -> None:
        _end(self._context.Process(target=run, args=(spec,)))


def sample(points: Sequence[Point], count: int) -> list[Point]:
    """So many points, spread evenly over all of them, the first and the last included."""
    if len(points) <= count:
        return list(points)
    step = (len(points) - 1) / (count - 1)
    return [points[round(number * step)] for number in range(count)]


def _end(process: multiprocessing.process.BaseProcess) -> None:
    process.start()
    process.join(PROCESS_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        raise TimeoutError(f"A load did not end within {PROCESS_SECONDS:.0f} s.")


def _finding(
    point: Point, scene: Scene, client: SalesforceClient, database_url: str, places: int, log: Path
) -> Finding:
    held = content(scene, client)
    trouble = _ledger_trouble(database_url)
    said = log.read_text() if log.exists() else "nothing"
    return Finding(
        point=point,
        lost=(scene.expected - held).total(),
        doubled=(held - scene.expected).total(),
        trouble=f"{trouble} The last process said: {said}" if trouble else "",
        places=places,
    )


def _ledger_trouble(database_url: str) -> str:
    """What the ledger leaves open or counts wrongly, empty where it is closed and right."""
    engine = open_engine(database_url)
    try:
        runs = recent_runs(engine, sync=None, limit=5)
        # a run that found everything done has sent nothing
        last = next((run for run in runs if run.submitted), runs[0])
        if unfinished_loads(engine) or unfinished_jobs(engine):
            return f"The ledger is not closed: the last run is {last.state}, {last.verdict_text}"
        if not is_expected_verdict(last.state):
            return f"The last run ended {last.state}: {last.verdict_text}"
        counted = (last.submitted, last.succeeded, last.failed, last.unprocessed)
        if counted != (ROWS - (last.sync == "chaos_update"), ROWS - 1 - (last.sync == "chaos_update"), 1, 0):
            return f"The last run counted {counted}."
        return ""
    finally:
        engine.dispose()


def _settings(url: str, emulator: EmulatorServer) -> SalesforceSettings:
    return SalesforceSettings(
        url=url,
        flow=AuthFlow.CLIENT_CREDENTIALS,
        client_id=emulator.credentials.client_id,
        client_secret=Secret(emulator.credentials.client_secret),
    )
