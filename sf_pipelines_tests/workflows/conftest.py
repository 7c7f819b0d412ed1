"""The tools of a run on real parts in small: an emulated org, a migrated database, a lake in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sf_pipelines.config.settings import Secret
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.policy.poll_schedule import PollSchedule
from sf_pipelines.rails.client import connect
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import NOON, settings_of

SCHEDULE = PollSchedule(shortest_seconds=0.02, longest_seconds=0.02)


@pytest.fixture
def clock() -> Clock:
    """The org's clock: noon of one day, until a test moves it."""
    return Clock(NOON, frozen=True)


@pytest.fixture
def emulator(clock: Clock) -> Iterator[EmulatorServer]:
    """An empty org."""
    with EmulatorServer(clock=clock) as server:
        yield server


@pytest.fixture
def tools(emulator: EmulatorServer, database_url: str, engine: Engine, tmp_path: Path) -> Tools:
    """What a run works with; the org's clock has no lag, since the emulator commits before it answers."""
    return Tools(
        client=connect(settings_of(emulator), schedule=SCHEDULE),
        ledger=Ledger(engine),
        engine=engine,
        database_url=Secret(database_url),
        lake=str(tmp_path / "lake"),
        spool=tmp_path / "spool",
        extract_lag_seconds=0,
        unknown_settle_seconds=0.0,
    )
