"""The process that is struck: one load on the given org and database, without Dagster.

Started from a fork server that has imported this module before, so that a process costs milliseconds.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from sf_pipelines.config.settings import SalesforceSettings, Secret
from sf_pipelines.ledger.engine import open_engine
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.policy.poll_schedule import PollSchedule
from sf_pipelines.rails.client import connect
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.tools import Tools

POLLS = PollSchedule(shortest_seconds=0.01, longest_seconds=0.02)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSpec:
    """One process: what it loads, and where to.

    Attributes:
        job_max_bytes, call_rows: so small that a handful of rows make several jobs or calls.
        log: file for the sentence that the process ends with.
    """

    sync: LoadSync
    rail: Rail
    salesforce: SalesforceSettings
    database_url: str
    spool: Path
    log: Path
    job_max_bytes: int
    call_rows: int


def run(spec: RunSpec) -> None:
    """Load; the exit code says whether the load came to a verdict."""
    engine = open_engine(spec.database_url)
    tools = Tools(
        client=connect(spec.salesforce, schedule=POLLS, sleep=lambda _: None),
        ledger=Ledger(engine),
        engine=engine,
        database_url=Secret(spec.database_url),
        lake=str(spec.spool),
        spool=spec.spool,
        extract_lag_seconds=0,
        job_max_bytes=spec.job_max_bytes,
        call_rows=spec.call_rows,
        unknown_settle_seconds=0.0,
    )
    try:
        report = run_load(LoadRequest(sync=spec.sync, forced_rail=spec.rail), tools)
    except Exception as error:  # noqa: BLE001 - whatever it is, the harness tells it
        spec.log.write_text(f"{type(error).__name__}: {error}")
        sys.exit(1)
    spec.log.write_text(f"{report.verdict.state.value}: {report.verdict.text}")
