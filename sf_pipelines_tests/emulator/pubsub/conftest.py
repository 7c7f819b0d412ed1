from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.control.resetting import reset_org
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.pubsub.support import Client, wait_for_streams

_LIFETIME_SECONDS = 30 * 24 * 3600
START = datetime(2026, 2, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def running_server() -> Iterator[EmulatorServer]:
    clock = Clock(START, frozen=True)
    # tests move the clock by days, and are not about sessions then
    with EmulatorServer(clock=clock, pubsub_port=0, session_lifetime_seconds=_LIFETIME_SECONDS) as server:
        yield server


@pytest.fixture
def server(running_server: EmulatorServer) -> EmulatorServer:
    """The shared server with an empty org and an empty stream, at the start of time."""
    surface = running_server.surface
    surface.org.clock.set(START)
    surface.org.clock.freeze()
    wait_for_streams(surface.org.clock, 0)
    reset_org(surface)
    return running_server


@pytest.fixture
def org(server: EmulatorServer) -> Org:
    return server.surface.org


@pytest.fixture
def clock(org: Org) -> Clock:
    return org.clock


@pytest.fixture
def client(server: EmulatorServer) -> Client:
    return Client(server)
