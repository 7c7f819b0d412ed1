"""Syncs run by Dagster on real parts in small: the resource reads a test's own environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.workflows.conftest import clock as clock
from sf_pipelines_tests.workflows.conftest import emulator as emulator


@pytest.fixture
def environment(
    emulator: EmulatorServer, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SF_PIPELINES_* name: the emulated org, the test's database, a lake in a folder."""
    settings = {
        "HOME": str(tmp_path / "home"),
        "LAKE": str(tmp_path / "lake"),
        "DATABASE_URL": database_url,
        "SALESFORCE_URL": emulator.credentials.url,
        "SALESFORCE_FLOW": "client_credentials",
        "SALESFORCE_CLIENT_ID": emulator.credentials.client_id,
        "SALESFORCE_CLIENT_SECRET": emulator.credentials.client_secret,
        "EXTRACT_LAG_SECONDS": "0",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"SF_PIPELINES_{name}", value)


@pytest.fixture
def instance(environment: None) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory, for runs in that environment."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
