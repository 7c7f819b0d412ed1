from __future__ import annotations

from collections.abc import Iterator

import pytest

from sf_pipelines.rails.client import connect
from sf_pipelines.rails.ports import SalesforceClient
from sf_pipelines_tests.rails.scripted_org import ScriptedOrg
from sf_pipelines_tests.rails.settings_samples import client_credentials


@pytest.fixture
def org() -> Iterator[ScriptedOrg]:
    with ScriptedOrg() as org:
        yield org


@pytest.fixture
def sleeps() -> list[float]:
    """Seconds that the client asked to sleep, without any being slept."""
    return []


@pytest.fixture
def client(org: ScriptedOrg, sleeps: list[float]) -> SalesforceClient:
    return connect(client_credentials(org.url), sleep=sleeps.append, jitter=lambda: 1.0)
