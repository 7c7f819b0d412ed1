"""What waits in the ledger for somebody, and the life of one record: read together, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Engine

from sf_pipelines.ledger.failure_queries import (
    FailureCount,
    FailureFilter,
    RedLoad,
    count_failures,
    red_loads,
    stream_failures,
)
from sf_pipelines.ledger.queries import FailedRecordRow

SAMPLE_ROWS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenFailures:
    """Everything of the ledger that waits for somebody.

    Attributes:
        red: partitions whose newest load did not end green.
        newest: a sample of the open records, the newest first.
    """

    counts: Sequence[FailureCount]
    red: Sequence[RedLoad]
    newest: Sequence[FailedRecordRow]

    @property
    def rows(self) -> int:
        """Open failed records, exact."""
        return sum(count.rows for count in self.counts)

    @property
    def fingerprint(self) -> str:
        """The same while nothing was added and nothing was closed."""
        counted = [(item.sync, item.code, item.rows, item.newest_at.isoformat()) for item in self.counts]
        red = [str(item.run_id) for item in self.red]
        return sha256(repr((counted, red)).encode()).hexdigest()[:16]

    @property
    def rows_waiting(self) -> int:
        """Those of which the ledger says that they are sent again by themselves, exact."""
        return sum(count.rows_waiting for count in self.counts)


def read_open_failures(engine: Engine, *, sync: str | None = None) -> OpenFailures:
    """All that is open, of one sync or of all.

    Raises:
        LedgerError: the database cannot be reached.
    """
    which = FailureFilter(sync=sync)
    return OpenFailures(
        counts=count_failures(engine, which),
        red=[load for load in red_loads(engine) if sync in (None, load.sync)],
        newest=list(stream_failures(engine, which, limit=SAMPLE_ROWS)),
    )
