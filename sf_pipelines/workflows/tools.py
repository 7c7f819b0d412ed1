"""What every workflow works with: the org, the ledger, the warehouse, the lake, and the knobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from sf_pipelines.config.limits import BULK_JOB_MAX_BYTES_RAW, COMPOSITE_MAX_ROWS
from sf_pipelines.config.settings import Secret
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.rail import Rail
from sf_pipelines.rails.ports import SalesforceClient
from sf_pipelines.workflows.promises import Promises

UNKNOWN_SETTLE_SECONDS = 20.0
"""Writes of more than 20 seconds are what an org limits in number ([D] LIM): most have ended by then."""

BULK_PART_ROWS = 1_000_000
"""Rows of one query job: few jobs a million rows, and well within the org's time for one."""

REST_PART_ROWS = 50_000
"""Rows of one REST query, 25 calls: what is read again where a process dies on the way."""


def utc_now() -> datetime:
    """This machine's clock; tests bring their own."""
    return datetime.now(UTC)


def _silent(_sentence: str) -> None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """Ports and stores of one run.

    Attributes:
        database_url: PostgreSQL that holds the warehouse; `engine` is a pool on the same database.
        lake: folder or URL of the Parquet lake.
        spool: local folder for payloads and result files of runs under way.
        extract_lag_seconds: how far behind the org's clock an extract window must end.
        promises: quota that runs of this process hold.
        job_max_bytes: raw CSV of one ingest job; call_rows: rows of one REST call.
        bulk_part_rows, rest_part_rows: most rows of an extract that are read together.
        unknown_settle_seconds: age of a write whose answer was lost, before the org is asked what became of
            it: until then it may still be at work on it.
        sleep: waits, in seconds.
        tell: takes a sentence of progress.
    """

    client: SalesforceClient
    ledger: Ledger
    engine: Engine
    database_url: Secret
    lake: str
    spool: Path
    extract_lag_seconds: int
    promises: Promises = field(default_factory=Promises)
    clock: Callable[[], datetime] = utc_now
    job_max_bytes: int = BULK_JOB_MAX_BYTES_RAW
    call_rows: int = COMPOSITE_MAX_ROWS
    bulk_part_rows: int = BULK_PART_ROWS
    rest_part_rows: int = REST_PART_ROWS
    unknown_settle_seconds: float = UNKNOWN_SETTLE_SECONDS
    sleep: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = _silent

    def part_rows(self, rail: Rail) -> int:
        """Most rows of an extract that a rail reads together."""
        return self.bulk_part_rows if rail is Rail.BULK else self.rest_part_rows
