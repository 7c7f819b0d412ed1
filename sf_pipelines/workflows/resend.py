"""Which source rows a run sends that is to send failed ones again.

A row goes when its last failure passes by itself, when it has changed at the source since, or when a person
asks for all that failed. What was never sent, or got through, stays out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine

from sf_pipelines.lake.payload import mapped_rows
from sf_pipelines.lake.source import read_source
from sf_pipelines.ledger.failure_queries import OpenRecord
from sf_pipelines.model.outcome import FailureClass
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import FieldMapping, LoadScope, LoadSync, Source, SourceKind
from sf_pipelines.workflows.errors import SyncError
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

    @property
    def is_empty(self) -> bool:
        """Whether no row can be picked: no open record may be sent again."""
        return not self._hashes

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


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedRows:
    """Source rows whose last failure is of other values than they have now.

    Attributes:
        digest: the same for the same rows with the same values.
    """

    rows: int
    digest: str


def changed_at_source(sync: LoadSync, records: Iterable[OpenRecord], engine: Engine) -> ChangedRows:
    """Read the source of a sync and compare it with its open records, streamed.

    Raises:
        SourceError: the source cannot be read.
    """
    picked = FailedOnly(
        sync, (replace(item, next_attempt_at=None) for item in records), scope=LoadScope.RETRYABLE
    )
    columns = list(dict.fromkeys(mapping.column for mapping in sync.fields))
    digest = sha256()
    for batch in read_source(sync.source, columns, engine=engine):
        changed = picked.select(mapped_rows(batch, sync))
        for at in range(changed.num_rows):
            digest.update(payload_hash(row_values(changed, at)).encode())
    return ChangedRows(rows=picked.rows, digest=digest.hexdigest()[:16])


def source_row(sync: LoadSync, source_key: str, engine: Engine) -> dict[str, str | None] | None:
    """The row of a key as it would be sent now, None where the source has none.

    Raises:
        SourceError: the source cannot be read.
    """
    columns = list(dict.fromkeys(mapping.column for mapping in sync.fields))
    for batch in read_source(sync.source, columns, engine=engine):
        rows = mapped_rows(batch, sync)
        of_key = rows.filter(pc.equal(cast(Any, rows.column(sync.key)), pa.scalar(source_key)))
        if of_key.num_rows:
            return row_values(of_key, 0)
    return None


def with_corrections(sync: LoadSync, path: str) -> LoadSync:
    """The sync with its rows from an export of failed records that a person has mended.

    Raises:
        SyncError: the sync has sensitive fields, whose values an export does not hold.
    """
    if sync.sensitive_fields:
        names = ", ".join(sorted(sync.sensitive_fields))
        raise SyncError(
            f"{sync.name} has sensitive fields ({names}), which an export does not hold: mend the rows at "
            "the source."
        )
    fields = tuple(
        FieldMapping(field=item.field, column=item.field, empty=item.empty) for item in sync.fields
    )
    return replace(sync, source=Source(kind=SourceKind.CSV, location=path, is_guarded=True), fields=fields)


def _is_due(record: OpenRecord, now: datetime | None) -> bool:
    return record.next_attempt_at is not None and (now is None or record.next_attempt_at <= now)


def _may_be_doubled(sync: LoadSync, record: OpenRecord) -> bool:
    """An insert that the org may have done: only a person who has looked may send it again."""
    return sync.operation is Operation.INSERT and record.failure_class == FailureClass.UNKNOWN
