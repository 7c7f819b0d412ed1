from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.control.resetting import reset_org
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.surface.support import Caller

START = datetime(2026, 2, 1, 10, tzinfo=UTC)
SCHEMA = Path(__file__).parent / "schema.yaml"


@pytest.fixture(scope="session")
def running_server() -> Iterator[EmulatorServer]:
    with EmulatorServer(schema_path=SCHEMA, clock=Clock(START, frozen=True)) as server:
        yield server


@pytest.fixture
def server(running_server: EmulatorServer) -> EmulatorServer:
    """The shared server with an empty org, at the start of time, nothing spent."""
    surface = running_server.surface
    surface.org.clock.set(START)
    surface.org.clock.freeze()
    reset_org(surface)
    return running_server


@pytest.fixture
def clock(server: EmulatorServer) -> Clock:
    return server.surface.org.clock


@pytest.fixture
def caller(server: EmulatorServer) -> Caller:
    token = server.surface.oauth.open_session().token
    return Caller(server.credentials.url, token, server.surface)
