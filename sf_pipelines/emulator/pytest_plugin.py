"""Fixtures for the tests of anyone who talks to Salesforce: a fresh emulated org for each test.

Installed as a pytest plugin by an entry point. Only pytest imports this module, so that the product doesn't
need pytest; the emulator is imported when a test first asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sf_pipelines.emulator.handle import EmulatedOrg
    from sf_pipelines.emulator.server import EmulatorServer


def pytest_addoption(parser: pytest.Parser) -> None:
    """One ini option: the schema file of the org."""
    parser.addini(
        "salesforce_schema", "YAML file with custom objects and fields of the emulated org", "paths"
    )


@pytest.fixture(scope="session")
def salesforce_emulator(pytestconfig: pytest.Config) -> Iterator[EmulatorServer]:
    """One server of the whole test session; its org keeps what earlier tests left in it."""
    from sf_pipelines.emulator.server import EmulatorServer

    paths = pytestconfig.getini("salesforce_schema")
    with EmulatorServer(schema_path=paths[0] if paths else None, pubsub_port=0) as server:
        yield server


@pytest.fixture
def salesforce_org(salesforce_emulator: EmulatorServer) -> Iterator[EmulatedOrg]:
    """A fresh org: no records but its user, nothing spent, no faults, the clock at wall time."""
    from sf_pipelines.emulator.handle import EmulatedOrg

    org = EmulatedOrg(salesforce_emulator)
    org.as_new()
    yield org
    org.as_new()
