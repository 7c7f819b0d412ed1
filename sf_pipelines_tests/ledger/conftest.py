from __future__ import annotations

import pytest
from sqlalchemy import Engine

from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines_tests.ledger.samples import Clock


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return Ledger(engine, clock=Clock())
