"""One fresh org in memory for each test, with a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines.emulator.schema.model import OrgSchema


@pytest.fixture(scope="session")
def schema() -> OrgSchema:
    return load_schema()


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 18, 10, 30, 15, 123456, tzinfo=UTC), frozen=True)


@pytest.fixture
def org(schema: OrgSchema, clock: Clock) -> Iterator[Org]:
    org = Org(schema=schema, clock=clock)
    yield org
    org.close()
