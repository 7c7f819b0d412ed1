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
from sf_pipelines.workflows.row_join import Rejection, join_rows
from sf_pipelines.workflows.rows import payload_hash, row_values
from sf_pipelines.workflows.tools import Tools

FETCH_ATTEMPTS = 4
COPY_BLOCK_BYTES = 1 << 20
JOIN_ROWS = 50_000
"""Rejected rows joined to their source rows in one pass over the chunk: bounds memory, not correctness."""

_ID_COLUMN, _ERROR_COLUMN, _CREATED_COLUMN = "sf__Id", "sf__Error", "sf__Created"
_OWN_COLUMNS = {
    ResultKind.SUCCESSFUL: (_CREATED_COLUMN,),
    ResultKind.FAILED: (_ERROR_COLUMN,),
    ResultKind.UNPROCESSED: (),
}
"""What the org adds to the rows of each file, beyond their ids."""

_ADDED_COLUMNS = (_ID_COLUMN, _ERROR_COLUMN, _CREATED_COLUMN)


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
            for batch in _batches(self.files[kind]):
                for start in range(0, batch.num_rows, JOIN_ROWS):
                    yield from self._joined(batch.slice(start, JOIN_ROWS), state)

    def _joined(self, rejected: pa.RecordBatch, state: OutcomeState) -> Iterator[FailedRecord]:
        for row in join_rows(self.chunk, _rejections_by_key(rejected, self.key, state, self.job)):
            yield FailedRecord(
                source_key=row.values[self.key] or "",
                values=row.values,
                payload_hash=row.payload_hash,
                state=state,
                error=row.error,
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
    names = (name.strip() for name in fields.removesuffix("--").split(","))
    return RecordError(code=code, message=message, fields=tuple(name for name in names if name))


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


def _batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
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


def _rejections_by_key(
    rejected: pa.RecordBatch, key: str, state: OutcomeState, job: BulkJob
) -> dict[int, list[Rejection]]:
    """Rejections waiting for their rows; a key that was sent twice may have two."""
    if state is OutcomeState.FAILED:
        texts = rejected.column(_ERROR_COLUMN).to_pylist()
        errors: Sequence[RecordError] = [parse_error(text or "UNKNOWN") for text in texts]
    else:
        errors = [_unprocessed_error(job)] * rejected.num_rows
    echo = rejected.select([name for name in rejected.schema.names if name not in _ADDED_COLUMNS])
    by_key: dict[int, list[Rejection]] = {}
    for index, hashed in enumerate(key_hashes(rejected.column(key)).tolist()):
        echo_hash = payload_hash(row_values(echo, index))
        by_key.setdefault(hashed, []).append(Rejection(error=errors[index], echo_hash=echo_hash))
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
    unanswered, foreign = _balance(sent, answered)
    yield (
        f"Result files of job {job.id} do not match the rows sent: {unanswered:,} rows have no result and "
        f"{foreign:,} results belong to no row that was sent."
    )


def _balance(sent: NDArray[np.uint64], answered: NDArray[np.uint64]) -> tuple[int, int]:
    """Sent keys without a result, and results without a sent key, each as often as it occurs."""
    keys, places = np.unique(np.concatenate([sent, answered]), return_inverse=True)
    surplus = np.bincount(places[: sent.size], minlength=keys.size)
    surplus -= np.bincount(places[sent.size :], minlength=keys.size)
    return int(surplus[surplus > 0].sum()), int(-surplus[surplus < 0].sum())


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
