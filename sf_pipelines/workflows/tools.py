"""What every workflow works with: the org, the ledger, the warehouse, the lake, and the knobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from sf_pipelines.config.settings import Secret
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.rails.ports import SalesforceClient
from sf_pipelines.workflows.promises import Promises


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
    tell: Callable[[str], None] = _silent
