from __future__ import annotations

import pytest

from sf_pipelines.emulator.handle import EmulatedOrg
from sf_pipelines_tests.emulator.surface.support import AsyncCaller, Caller


@pytest.fixture
def caller(salesforce_org: EmulatedOrg) -> Caller:
    return Caller(salesforce_org.url, salesforce_org.credentials.access_token, salesforce_org.surface)


@pytest.fixture
def bulk(caller: Caller) -> AsyncCaller:
    return AsyncCaller(caller)
