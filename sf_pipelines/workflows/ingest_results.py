"""The three result files of an ingest job, joined by key to the rows that were sent.

Files are fetched to disk first, so that a broken transfer is fetched again and no connection is held
while rows are joined. Memory holds eight bytes per row of a chunk, whatever the share that failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from sf_pipelines.lake.csv_rows import read_csv_text
from sf_pipelines.lake.payload import PayloadChunk, key_hashes
from sf_pipelines.model.outcome import FailedRecord, OutcomeCounts, OutcomeState, RecordError
from sf_pipelines.rails.errors import TransportError
from sf_pipelines.rails.ports import BulkIngestPort, BulkJob, JobState, ResultKind
from sf_pipelines.workflows.rows import payload_hash, row_values
from sf_pipelines.workflows.tools import Tools

FETCH_ATTEMPTS = 4
COPY_BLOCK_BYTES = 1 << 20
JOIN_ROWS = 50_000
"""Rejected rows joined to their source rows in one pass over the chunk: bounds memory, not correctness."""

_ERROR_COLUMN, _CREATED_COLUMN = "sf__Error", "sf__Created"
_OWN_COLUMNS = {
    ResultKind.SUCCESSFUL: (_CREATED_COLUMN,),
    ResultKind.FAILED: (_ERROR_COLUMN,),
    ResultKind.UNPROCESSED: (),
}
"""What the org adds to the rows of each file, beyond their ids."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestResults:
    """What the org says became of the rows of one chunk.

    Attributes:
        disagreements: sentences where keys or counters contradict each other; empty if all agree.
    """

    counts: OutcomeCounts
    disagreements: tuple[str, ...]
    key: str
    chunk: PayloadChunk
    job: BulkJob
    files: Mapping[ResultKind, Path]

    def failed_records(self) -> Iterator[FailedRecord]:
        """Every failed or unprocessed row with its values as sent, streamed."""
        for kind, state in _REJECTED.items():
            for batch in _batches(self.files[kind], [self.key, *_OWN_COLUMNS[kind]]):
                for start in range(0, batch.num_rows, JOIN_ROWS):
                    yield from self._joined(batch.slice(start, JOIN_ROWS), state)

    def _joined(self, rejected: pa.RecordBatch, state: OutcomeState) -> Iterator[FailedRecord]:
        errors = _errors_by_key(rejected, self.key, state, self.job)
        wanted = np.fromiter(errors, dtype=np.uint64)
        for batch in self.chunk.batches():
            hashes = key_hashes(batch.column(self.key))
            for index in np.flatnonzero(np.isin(hashes, wanted)):
                waiting = errors[int(hashes[index])]
                if waiting:
                    yield self._failed_record(row_values(batch, int(index)), waiting.pop(0), state)

    def _failed_record(
        self, values: Mapping[str, str | None], error: RecordError, state: OutcomeState
    ) -> FailedRecord:
        return FailedRecord(
            source_key=values[self.key] or "",
            values=values,
            payload_hash=payload_hash(values),
            state=state,
            error=error,
            chunk=self.chunk.number,
            job_id=self.job.id,
        )


_REJECTED = {
    ResultKind.FAILED: OutcomeState.FAILED,
    ResultKind.UNPROCESSED: OutcomeState.UNPROCESSED,
}


def collect_results(key: str, chunk: PayloadChunk, job: BulkJob, tools: Tools) -> IngestResults:
    """Fetch the three result files of a terminal job and count them against what was sent."""
    files = {kind: _fetch(tools.client.ingest, job.id, kind, chunk.path) for kind in ResultKind}
    tallies = {kind: _tally(path, [key, *_OWN_COLUMNS[kind]]) for kind, path in files.items()}
    counts = OutcomeCounts(
        submitted=chunk.rows,
        succeeded=tallies[ResultKind.SUCCESSFUL].rows,
        failed=tallies[ResultKind.FAILED].rows,
        unprocessed=tallies[ResultKind.UNPROCESSED].rows,
        created=tallies[ResultKind.SUCCESSFUL].created,
        errors=tallies[ResultKind.FAILED].errors + _unprocessed_errors(tallies[ResultKind.UNPROCESSED], job),
    )
    hashes = [tally.hashes for tally in tallies.values()]
    disagreements = (*_key_disagreements(chunk, hashes, job), *_counter_disagreements(counts, job))
    return IngestResults(
        counts=counts, disagreements=disagreements, key=key, chunk=chunk, job=job, files=files
    )


def parse_error(text: str) -> RecordError:
    """`CODE:message:Fields --` of a failed row, as Salesforce writes it ([R] Bulk result files)."""
    code, _, rest = text.partition(":")
    message, separator, fields = rest.rpartition(":")
    if not separator or not fields.endswith("--"):
        return RecordError(code=code, message=rest)
    names = fields.removesuffix("--").strip()
    return RecordError(code=code, message=message, fields=tuple(names.split(",")) if names else ())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tally:
    rows: int
    created: int
    hashes: NDArray[np.uint64]
    errors: Counter[str]


def _fetch(ingest: BulkIngestPort, job_id: str, kind: ResultKind, beside: Path) -> Path:
    path = beside.with_name(f"{beside.stem}.{kind.value}.csv")

    def copy() -> None:
        with ingest.results(job_id, kind) as stream, path.open("wb") as file:
            while block := stream.read(COPY_BLOCK_BYTES):
                file.write(block)

    Retrying(
        retry=retry_if_exception_type(TransportError), stop=stop_after_attempt(FETCH_ATTEMPTS), reraise=True
    )(copy)
    return path


def _batches(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        yield from read_csv_text(file, columns=columns)


def _tally(path: Path, columns: Sequence[str]) -> _Tally:
    rows = created = 0
    errors: Counter[str] = Counter()
    hashes: list[NDArray[np.uint64]] = []
    for batch in _batches(path, columns):
        rows += batch.num_rows
        hashes.append(key_hashes(batch.column(columns[0])))
        if _CREATED_COLUMN in batch.schema.names:
            created += pc.equal(batch.column(_CREATED_COLUMN), pa.scalar("true")).true_count
        if _ERROR_COLUMN in batch.schema.names:
            errors.update(
                parse_error(text or "UNKNOWN").code for text in batch.column(_ERROR_COLUMN).to_pylist()
            )
    keys = np.concatenate(hashes) if hashes else np.empty(0, dtype=np.uint64)
    return _Tally(rows=rows, created=created, hashes=keys, errors=errors)


def _errors_by_key(
    rejected: pa.RecordBatch, key: str, state: OutcomeState, job: BulkJob
) -> dict[int, list[RecordError]]:
    """Errors waiting for their rows; a key that was sent twice has two."""
    if state is OutcomeState.FAILED:
        texts = rejected.column(_ERROR_COLUMN).to_pylist()
        errors: Sequence[RecordError] = [parse_error(text or "UNKNOWN") for text in texts]
    else:
        errors = [_unprocessed_error(job)] * rejected.num_rows
    by_key: dict[int, list[RecordError]] = {}
    for hashed, error in zip(key_hashes(rejected.column(key)).tolist(), errors, strict=True):
        by_key.setdefault(hashed, []).append(error)
    return by_key


def _unprocessed_error(job: BulkJob) -> RecordError:
    why = job.error_message or f"Job {job.id} ended {job.state.value} before this row."
    return RecordError(code="UNPROCESSED", message=why)


def _unprocessed_errors(tally: _Tally, job: BulkJob) -> Counter[str]:
    return Counter({_unprocessed_error(job).code: tally.rows} if tally.rows else {})


def _key_disagreements(chunk: PayloadChunk, results: list[NDArray[np.uint64]], job: BulkJob) -> Iterator[str]:
    sent, answered = np.sort(chunk.keys()), np.sort(np.concatenate(results))
    if np.array_equal(sent, answered):
        return
    missing, foreign = np.setdiff1d(sent, answered).size, np.setdiff1d(answered, sent).size
    yield (
        f"Result files of job {job.id} do not match the rows sent: {missing:,} keys have no result and "
        f"{foreign:,} results have keys that were not sent."
    )


def _counter_disagreements(counts: OutcomeCounts, job: BulkJob) -> Iterator[str]:
    if job.state is JobState.JOB_COMPLETE and job.records_processed != counts.succeeded + counts.failed:
        yield (
            f"Job {job.id} says that it processed {job.records_processed:,} rows; its result files hold "
            f"{counts.succeeded + counts.failed:,}."
        )
    if job.records_failed != counts.failed:
        yield (
            f"Job {job.id} says that {job.records_failed:,} rows failed; its result files hold "
            f"{counts.failed:,}."
        )
