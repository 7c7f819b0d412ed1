"""Writes one batch of an ingest job into the org: in time, chunk by chunk where that matters, past row locks.

Belongs here: what happens to a batch's rows. Not here: batches' order and accounting (ingest_run.py). Imports
org, header, row_columns, settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sf_pipelines.emulator.bulk.header import BoundColumn
from sf_pipelines.emulator.bulk.row_columns import ParsedRows
from sf_pipelines.emulator.bulk.settings import (
    BATCH_LIMIT_MS,
    BATCH_RETRIES,
    CHUNK_ROWS,
    LOCK_RETRIES,
    BulkSettings,
)
from sf_pipelines.emulator.changes.origin import WriteOrigin, writing_as
from sf_pipelines.emulator.dml.batch import RecordColumns
from sf_pipelines.emulator.dml.refusals import LOCK_CODE, InjectedError
from sf_pipelines.emulator.ids import SHORT_CHARS, is_well_formed, to_18
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.results import RowResult, RowResults
from sf_pipelines.emulator.temporal import to_epoch_ms

# [D] section 7.2: the word for both Bulk APIs in a change's origin.
_API = "bulkapi"


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchOutcome:
    """What became of a batch."""

    results: RowResults
    """Of its rows in order; of the first ones only when its time ran out."""
    retries: int
    """Attempts after the first, by time or by row locks."""
    active_ms: float
    """Time on the org's clock, modelled time included."""
    apex_ms: float
    """The modelled part: the org's automation."""


class OriginOfJob(Protocol):
    """What a job of either Bulk API knows of the call that made it."""

    @property
    def api_version(self) -> str:
        """As "66.0"."""
        ...

    @property
    def created_by(self) -> str:
        """The user's id."""
        ...

    @property
    def client(self) -> str | None:
        """The client that the call named."""
        ...


def job_origin(job: OriginOfJob) -> WriteOrigin:
    """Where a job's changes come from. The org commits each chunk, however many are written here at once."""
    return WriteOrigin(
        api=_API,
        version=job.api_version,
        user_id=job.created_by,
        client=job.client,
        rows_per_transaction=CHUNK_ROWS,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteTarget:
    """What a job does with its records, and for whom."""

    operation: str
    sobject: str
    external_id_field: str | None
    origin: WriteOrigin


@dataclass(slots=True)
class _Attempts:
    """The time of a batch: five minutes an attempt, then it goes back to the queue with what it has done."""

    row_ms: float
    retries: int = 0
    active_ms: float = 0.0
    apex_ms: float = 0.0
    _spent_ms: float = 0.0

    def begin(self, rows: int) -> bool:
        """False when that many rows can't be done any more, whatever is tried."""
        modelled_ms = rows * self.row_ms
        if modelled_ms > BATCH_LIMIT_MS:
            self.retries = BATCH_RETRIES
            return False
        if self._spent_ms + modelled_ms > BATCH_LIMIT_MS:
            if self.retries >= BATCH_RETRIES:
                return False
            self.retries += 1
            self._spent_ms = 0.0
        return True

    def end(self, rows: int, elapsed_ms: float) -> None:
        """Count what `begin` allowed."""
        modelled_ms = rows * self.row_ms
        self.apex_ms += modelled_ms
        self.active_ms += modelled_ms + elapsed_ms
        self._spent_ms += modelled_ms + elapsed_ms


@dataclass(kw_only=True, slots=True)
class BatchWrite:
    """One batch of one job."""

    org: Org
    target: WriteTarget
    settings: BulkSettings
    columns: Sequence[BoundColumn]
    _lock_retries: int = field(default=0, init=False)

    def run(self, records: RecordColumns) -> BatchOutcome:
        """Write `records`, as far as the time allows."""
        attempts = _Attempts(self.settings.row_ms)
        parts: list[RowResults] = []
        step = self._chunk_rows(records)
        for start in range(0, len(records), step):
            part = records[start : start + step]
            if not attempts.begin(len(part)):
                break
            began_ms = to_epoch_ms(self.org.clock.now())
            parts.append(self._write_past_locks(part))
            attempts.end(len(part), to_epoch_ms(self.org.clock.now()) - began_ms)
        return BatchOutcome(
            results=RowResults.joined(parts),
            retries=attempts.retries + self._lock_retries,
            active_ms=attempts.active_ms,
            apex_ms=attempts.apex_ms,
        )

    def _chunk_rows(self, records: RecordColumns) -> int:
        """All at once where nobody can tell the difference from chunks of 200: that is much faster."""
        whole = max(1, len(records))
        is_slow = whole * self.settings.row_ms > BATCH_LIMIT_MS or not self.org.transactions.is_plain
        return CHUNK_ROWS if is_slow or self._order_matters(records) else whole

    def _order_matters(self, records: RecordColumns) -> bool:
        """True when a row may build on one of an earlier chunk: named twice, or a parent made by this job."""
        lookups = [column.lookup for column in self.columns if column.lookup is not None]
        if any(self.target.sobject in lookup.reference_to for lookup in lookups):
            return True
        if self.target.operation == "insert":
            return False
        name = self.target.external_id_field or "Id"
        keys = list(map(str, filter(None, records.columns.get(name, ()))))
        if name == "Id" and min(map(len, keys), default=0) == SHORT_CHARS:
            keys = [to_18(key) if len(key) == SHORT_CHARS and is_well_formed(key) else key for key in keys]
        return len(set(map(str.casefold, keys))) < len(keys)

    def _write_past_locks(self, records: RecordColumns) -> RowResults:
        """Rows that others hold are tried again with their chunk, a bounded number of times."""
        written = self._apply(records)
        if written.are_successes:
            return written
        results = list(written)
        for _ in range(LOCK_RETRIES):
            locked = [at for at, result in enumerate(results) if _is_locked(result)]
            if not locked:
                break
            self._lock_retries += len({at // CHUNK_ROWS for at in locked})
            for at, result in zip(locked, self._apply(records.take(locked)), strict=True):
                results[at] = result
        return RowResults.of(results)

    def _apply(self, records: RecordColumns) -> RowResults:
        with writing_as(self.target.origin):
            return self._apply_as(self.target.origin.user_id, records)

    def _apply_as(self, user_id: str, records: RecordColumns) -> RowResults:
        target, org = self.target, self.org
        if target.operation == "insert":
            return org.create(target.sobject, records, user_id=user_id)
        if target.operation == "update":
            return org.update(target.sobject, records, user_id=user_id)
        if target.operation == "upsert":
            return org.upsert(target.sobject, target.external_id_field or "Id", records, user_id=user_id)
        ids = [id_ or "" for id_ in records.columns["Id"]]
        return org.delete(target.sobject, ids, hard=target.operation == "hardDelete", user_id=user_id)


def _is_locked(result: RowResult) -> bool:
    """True for a row to try again; one that a test's fault refuses stays refused, for clients to see it."""
    if result.success or isinstance(result.errors[0], InjectedError):
        return False
    return result.errors[0].code == LOCK_CODE


def with_row_errors(parsed: ParsedRows, size: int, outcome: BatchOutcome) -> BatchOutcome:
    """The outcome of all `size` rows of a batch, the unsound ones included, up to the first never reached."""
    if not parsed.errors:
        return outcome
    merged: list[RowResult] = []
    left = iter(outcome.results)
    for at in range(size):
        error = parsed.errors.get(at)
        result = next(left, None) if error is None else RowResult(id=None, success=False, errors=(error,))
        if result is None:
            break
        merged.append(result)
    return replace(outcome, results=RowResults.of(merged))
