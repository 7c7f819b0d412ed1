"""The three result files of an ingest job, joined to the rows that were sent: by key, or by the whole row.

Files are fetched to disk first, so that a broken transfer is fetched again and no connection is held
while rows are joined. Memory holds eight bytes per row of a chunk, whatever the share that failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from sf_pipelines.lake.chunk import PayloadChunk
from sf_pipelines.lake.csv_rows import read_csv_text
from sf_pipelines.lake.row_hashes import Hashes, RowIdentity, concatenated
from sf_pipelines.model.outcome import OutcomeCounts, OutcomeState, RecordError
from sf_pipelines.policy.accounting import Disagreement, JobCounters, account
from sf_pipelines.policy.failure_classes import JOB_ENDED_EARLY
from sf_pipelines.rails.errors import TransportError
from sf_pipelines.rails.ports import BulkIngestPort, BulkJob, JobState, ResultKind
from sf_pipelines.workflows.row_join import RejectedRow, Rejection, join_rows
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
        disagreements: where rows or counters contradict each other; empty if all agree.
    """

    counts: OutcomeCounts
    disagreements: tuple[Disagreement, ...]
    identity: RowIdentity
    chunk: PayloadChunk
    job: BulkJob
    files: Mapping[ResultKind, Path]

    def rejected_rows(self) -> Iterator[tuple[RejectedRow, OutcomeState]]:
        """Every failed or unprocessed row with its values as sent, streamed.

        Where the payload is gone, the values are those that the org gave back.
        """
        for kind, state in _REJECTED.items():
            for batch in _batches(self.files[kind]):
                for start in range(0, batch.num_rows, JOIN_ROWS):
                    for row in self._joined(batch.slice(start, JOIN_ROWS), state):
                        yield row, state

    def remove_files(self) -> None:
        """Delete the result files: what they say is in the ledger."""
        for path in self.files.values():
            path.unlink(missing_ok=True)

    def rejected_keys(self) -> set[str | None]:
        """Keys of all those rows."""
        return {row.values.get(self.chunk.key) for row, _ in self.rejected_rows()}

    def _joined(self, rejected: pa.RecordBatch, state: OutcomeState) -> Iterator[RejectedRow]:
        if not self.chunk.path.exists():
            return _echoes(rejected, state, self.job)
        rejections = _rejections_by_row(rejected, self.identity, state, self.job)
        return join_rows(self.chunk, self.identity, rejections)


_REJECTED = {
    ResultKind.FAILED: OutcomeState.FAILED,
    ResultKind.UNPROCESSED: OutcomeState.UNPROCESSED,
}


def collect_results(identity: RowIdentity, chunk: PayloadChunk, job: BulkJob, tools: Tools) -> IngestResults:
    """Fetch the three result files of a terminal job and count them against what was sent.

    Raises:
        BulkJobNotFoundError: the job or its results are gone.
        SalesforceError, LakeError: a file cannot be fetched or read; nothing is known of its rows.
    """
    files = {kind: _fetch(tools.client.ingest, job.id, kind, chunk.path) for kind in ResultKind}
    tallies = {kind: _tally(path, identity, _OWN_COLUMNS[kind]) for kind, path in files.items()}
    counts = OutcomeCounts(
        submitted=chunk.rows,
        succeeded=tallies[ResultKind.SUCCESSFUL].rows,
        failed=tallies[ResultKind.FAILED].rows,
        unprocessed=tallies[ResultKind.UNPROCESSED].rows,
        created=tallies[ResultKind.SUCCESSFUL].created,
        errors=tallies[ResultKind.FAILED].errors + _unprocessed_errors(tallies[ResultKind.UNPROCESSED], job),
    )
    answered = [tally.hashes for tally in tallies.values()]
    sent = chunk.hashes(identity) if chunk.path.exists() else concatenated(answered)
    return IngestResults(
        counts=counts,
        disagreements=account(counts, sent=sent, answered=answered, job=_counters(job)),
        identity=identity,
        chunk=chunk,
        job=job,
        files=files,
    )


def _counters(job: BulkJob) -> JobCounters:
    return JobCounters(
        name=job.id,
        processed=job.records_processed,
        failed=job.records_failed,
        is_complete=job.state is JobState.JOB_COMPLETE,
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
    hashes: Hashes
    errors: Counter[str]


def _fetch(ingest: BulkIngestPort, job_id: str, kind: ResultKind, beside: Path) -> Path:
    path = beside.with_name(f"{beside.stem}.{job_id}.{kind.value}.csv")
    path.parent.mkdir(parents=True, exist_ok=True)

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


def _tally(path: Path, identity: RowIdentity, own_columns: Sequence[str]) -> _Tally:
    rows = created = 0
    errors: Counter[str] = Counter()
    hashes: list[Hashes] = []
    for batch in _batches(path, [*identity.columns, *own_columns]):
        rows += batch.num_rows
        hashes.append(identity.hashes(batch))
        if _CREATED_COLUMN in batch.schema.names:
            created += pc.equal(batch.column(_CREATED_COLUMN), pa.scalar("true")).true_count
        if _ERROR_COLUMN in batch.schema.names:
            errors.update(
                parse_error(text or "UNKNOWN").code for text in batch.column(_ERROR_COLUMN).to_pylist()
            )
    return _Tally(rows=rows, created=created, hashes=concatenated(hashes), errors=errors)


def _echoes(rejected: pa.RecordBatch, state: OutcomeState, job: BulkJob) -> Iterator[RejectedRow]:
    echo = _echo(rejected)
    for index, error in enumerate(_errors(rejected, state, job)):
        values = row_values(echo, index)
        yield RejectedRow(values=values, payload_hash=payload_hash(values), error=error)


def _errors(rejected: pa.RecordBatch, state: OutcomeState, job: BulkJob) -> Sequence[RecordError]:
    if state is OutcomeState.UNPROCESSED:
        return [_unprocessed_error(job)] * rejected.num_rows
    return [parse_error(text or "UNKNOWN") for text in rejected.column(_ERROR_COLUMN).to_pylist()]


def _echo(rejected: pa.RecordBatch) -> pa.RecordBatch:
    return rejected.select([name for name in rejected.schema.names if name not in _ADDED_COLUMNS])


def _rejections_by_row(
    rejected: pa.RecordBatch, identity: RowIdentity, state: OutcomeState, job: BulkJob
) -> dict[int, list[Rejection]]:
    """Rejections waiting for their rows; a row that was sent twice may have two."""
    errors, echo = _errors(rejected, state, job), _echo(rejected)
    by_key: dict[int, list[Rejection]] = {}
    for index, hashed in enumerate(identity.hashes(rejected).tolist()):
        echo_hash = payload_hash(row_values(echo, index))
        by_key.setdefault(hashed, []).append(Rejection(error=errors[index], echo_hash=echo_hash))
    return by_key


def _unprocessed_error(job: BulkJob) -> RecordError:
    why = job.error_message or f"Job {job.id} ended {job.state.value} before this row."
    return RecordError(code=JOB_ENDED_EARLY, message=why)


def _unprocessed_errors(tally: _Tally, job: BulkJob) -> Counter[str]:
    return Counter({_unprocessed_error(job).code: tally.rows} if tally.rows else {})
