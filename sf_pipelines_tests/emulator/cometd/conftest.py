from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sf_pipelines.emulator.changes.channels import DEFAULT_SELECTION
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.control.resetting import reset_org
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.cometd.support import Comet

START = datetime(2026, 2, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def running_server() -> Iterator[EmulatorServer]:
    with EmulatorServer(clock=Clock(START, frozen=True), change_entities=DEFAULT_SELECTION) as server:
        yield server


@pytest.fixture
def server(running_server: EmulatorServer) -> EmulatorServer:
    running_server.surface.org.clock.set(START)
    running_server.surface.org.clock.freeze()
    reset_org(running_server.surface)
    return running_server


@pytest.fixture
def org(server: EmulatorServer) -> Org:
    return server.surface.org


@pytest.fixture
def comet(server: EmulatorServer) -> Comet:
    return Comet(server.credentials.url, server.surface.oauth.open_session().token)
