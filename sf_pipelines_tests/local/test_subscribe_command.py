from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Engine

from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.change_queries import channel_states
from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.client import connect
from sf_pipelines_tests.workflows.orgs import settings_of

PROGRAM = Path(sys.executable).with_name("sf-pipelines")
DEADLINE_SECONDS = 60.0
ACCOUNTS, CONTACTS = "/data/AccountChangeEvent", "/data/ContactChangeEvent"


@pytest.fixture
def emulator() -> Iterator[EmulatorServer]:
    with EmulatorServer(pubsub_port=0) as server:
        yield server


@contextmanager
def subscriber(
    emulator: EmulatorServer, database_url: str, home: Path, *channels: str
) -> Iterator[subprocess.Popen[str]]:
    org = emulator.credentials
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SF_PIPELINES_")}
    environment = kept | {
        "SF_PIPELINES_HOME": str(home),
        "SF_PIPELINES_DATABASE_URL": database_url,
        "SF_PIPELINES_SALESFORCE_URL": org.url,
        "SF_PIPELINES_SALESFORCE_CLIENT_ID": org.client_id,
        "SF_PIPELINES_SALESFORCE_CLIENT_SECRET": org.client_secret,
        "SF_PIPELINES_PUBSUB_URL": f"http://{org.pubsub_address}",
        "SF_PIPELINES_CHANGES_FIRST_START": "earliest",
    }
    named = [part for channel in channels for part in ("--channel", channel)]
    command = [PROGRAM, "subscribe", "--json", *named]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_positions(engine: Engine, count: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while sum(state.position is not None for state in channel_states(engine)) < count:
        assert time.monotonic() < deadline
        Event().wait(0.05)


def test_the_command_stores_all_channels_and_ends_at_sigterm_with_its_figures(
    emulator: EmulatorServer, database_url: str, engine: Engine, tmp_path: Path
) -> None:
    client = connect(settings_of(emulator))
    client.rest.write("Account", Operation.INSERT, [{"Name": "Acme"}, {"Name": "Beta"}])
    client.rest.write("Contact", Operation.INSERT, [{"LastName": "Lee"}])

    with subscriber(emulator, database_url, tmp_path, ACCOUNTS, CONTACTS) as process:
        wait_for_positions(engine, 2)
        process.send_signal(signal.SIGTERM)
        document, told = process.communicate(timeout=DEADLINE_SECONDS)

    assert process.returncode == 0, told
    figures = {item["channel"]: item for item in json.loads(document)["channels"]}
    assert (figures[ACCOUNTS]["events"], figures[CONTACTS]["events"]) == (2, 1)
    assert figures[ACCOUNTS]["gaps"] == 1
    assert f"{ACCOUNTS} is read by this subscriber" in told
    assert emulator.credentials.client_secret not in told


def test_a_channel_that_the_org_does_not_have_ends_the_command_with_one_sentence(
    emulator: EmulatorServer, database_url: str, tmp_path: Path
) -> None:
    with subscriber(emulator, database_url, tmp_path, ACCOUNTS, "/data/NothingChangeEvent") as process:
        _, told = process.communicate(timeout=DEADLINE_SECONDS)

    assert process.returncode == 1
    assert "sf-pipelines: " in told
    assert "/data/NothingChangeEvent" in told.splitlines()[-1]
    assert "Traceback" not in told
