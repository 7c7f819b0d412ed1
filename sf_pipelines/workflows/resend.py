"""Which source rows a run sends that is to send failed ones again.

A row goes when its last failure passes by itself, when it has changed at the source since, or when a person
asks for all that failed. What was never sent, or got through, stays out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from sf_pipelines.ledger.failure_queries import OpenRecord
from sf_pipelines.model.outcome import FailureClass
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import LoadScope, LoadSync
from sf_pipelines.workflows.rows import payload_hash, row_values


class FailedOnly:
    """Picks the rows of a sync that are to be sent again.

    Attributes:
        rows: picked so far.
    """

    def __init__(
        self, sync: LoadSync, records: Iterable[OpenRecord], *, scope: LoadScope, now: datetime | None = None
    ) -> None:
        """Look at the open records of the sync.

        Args:
            scope: RETRYABLE leaves out rows that would only fail the same way again.
            now: leaves out rows whose next attempt is later; None asks for no time.
        """
        self._key = sync.key
        self._hashes: dict[str, set[str]] = {}
        self._ready: set[str] = set()
        self.rows = 0
        for record in records:
            if _may_be_doubled(sync, record):
                continue
            self._hashes.setdefault(record.source_key, set()).add(record.payload_hash)
            if scope is LoadScope.FAILED or _is_due(record, now):
                self._ready.add(record.source_key)

    def select(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a mapped batch that are to be sent."""
        keys = pa.array(list(self._hashes), pa.string())
        is_known = pc.is_in(cast(Any, batch.column(self._key)), cast(Any, keys))
        candidates = batch.filter(is_known)
        taken = candidates.take(pa.array(self._picked(candidates), pa.int64()))
        self.rows += taken.num_rows
        return taken

    def _picked(self, candidates: pa.RecordBatch) -> Sequence[int]:
        texts = cast(list[str], candidates.column(self._key).to_pylist())
        return [
            at for at, key in enumerate(texts) if key in self._ready or self._has_changed(candidates, at, key)
        ]

    def _has_changed(self, candidates: pa.RecordBatch, at: int, key: str) -> bool:
        return payload_hash(row_values(candidates, at)) not in self._hashes[key]


def _is_due(record: OpenRecord, now: datetime | None) -> bool:
    return record.next_attempt_at is not None and (now is None or record.next_attempt_at <= now)


def _may_be_doubled(sync: LoadSync, record: OpenRecord) -> bool:
    """An insert that the org may have done: only a person who has looked may send it again."""
    return sync.operation is Operation.INSERT and record.failure_class == FailureClass.UNKNOWN
