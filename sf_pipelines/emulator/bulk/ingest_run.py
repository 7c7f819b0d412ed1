"""Processes one ingest job: batches of 10,000 rows, some at once, accounted for in the order of the upload.

Belongs here: the run of a job from InProgress to its end. Not here: threads (workers.py), what a batch does
(batch_write.py), HTTP. Imports org, limits, and the CSV and result parts of this folder.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextvars import copy_context
from dataclasses import dataclass

from sf_pipelines.emulator.bulk.batch_write import (
    BatchOutcome,
    BatchWrite,
    WriteTarget,
    job_origin,
    with_row_errors,
)
from sf_pipelines.emulator.bulk.csv_source import CsvSource, RowBatch
from sf_pipelines.emulator.bulk.header import BoundColumn, bind_header
from sf_pipelines.emulator.bulk.job_store import JobStore
from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.bulk.result_files import ResultFiles
from sf_pipelines.emulator.bulk.row_columns import parse_rows
from sf_pipelines.emulator.bulk.settings import BATCH_RETRIES, BATCH_ROWS, BulkSettings
from sf_pipelines.emulator.bulk.strict_csv import JobFailedError
from sf_pipelines.emulator.limits import DAILY_BULK_BATCHES, DAILY_BULK_RECORDS, LimitBook
from sf_pipelines.emulator.org import Org

UPLOAD = "upload.csv"
# [I] texts; the rows of a batch beyond an allocation stay unprocessed.
BATCHES_SPENT = "ExceededQuota : ApiBatchItems Limit exceeded."
RECORDS_SPENT = "ExceededQuota : ApiRecords Limit exceeded."
OUT_OF_TIME = f"Timeout : Retried more than {BATCH_RETRIES} times"

_Pending = deque[tuple[RowBatch, "Future[BatchOutcome]"]]


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestRun:
    """One run of one job."""

    org: Org
    store: JobStore
    limits: LimitBook
    settings: BulkSettings
    pool: Executor
    job: Job
    must_stop: Callable[[], bool]
    """Asked between batches; True ends the run and leaves the job as it is."""

    def run(self) -> None:
        """Process what the job hasn't processed yet and set its last state, unless told to stop.

        Raises:
            JobGoneError: the job was deleted meanwhile.
        """
        if not self.job.has_upload:
            self.store.change(self.job.id, state="JobComplete")
            return
        with self.store.path(self.job.id, UPLOAD).open("rb") as upload:
            head = CsvSource(upload, delimiter=self.job.delimiter, line_ending=self.job.line_ending)
            try:
                self._process(head)
            except JobFailedError as error:
                self.store.change(self.job.id, state="Failed", error_message=str(error))

    def _process(self, source: CsvSource) -> None:
        names, raw_header = source.header()
        sobject = self.org.schema.object(self.job.sobject)
        columns = bind_header(self.org.schema, sobject, self.job.operation, names)
        job = self.store.change(
            self.job.id, header_bytes=source.offset, bytes_read=max(source.offset, self.job.bytes_read)
        )
        source.offset = job.bytes_read
        with ResultFiles(self.store, job, raw_header, columns) as files:
            if self._run_batches(source, columns, files):
                self.store.change(job.id, state="JobComplete")

    def _run_batches(self, source: CsvSource, columns: Sequence[BoundColumn], files: ResultFiles) -> bool:
        """True when the upload was read to its end; every batch that was begun is accounted for."""
        batches = self._batches(source)
        pending: _Pending = deque()
        failure: JobFailedError | None = None
        while True:
            try:
                self._fill(pending, batches, columns)
            except JobFailedError as error:
                failure = failure or error
            if not pending:
                break
            batch, outcome = pending.popleft()
            if not self._account(source, files, batch, outcome.result()):
                failure = failure or JobFailedError(OUT_OF_TIME)
                batches.close()
        if failure is not None:
            raise failure
        return not self.must_stop()

    def _fill(self, pending: _Pending, batches: Iterator[RowBatch], columns: Sequence[BoundColumn]) -> None:
        while len(pending) < self.settings.parallel_batches:
            batch = next(batches, None)
            if batch is None:
                return
            # in a copy of this thread's context, where a fault may have said which rows fail
            write = self.pool.submit(copy_context().run, self._write, columns, batch.rows)
            pending.append((batch, write))

    def _write(self, columns: Sequence[BoundColumn], rows: Sequence[Sequence[str]]) -> BatchOutcome:
        target = WriteTarget(
            operation=self.job.operation,
            sobject=self.job.sobject,
            external_id_field=self.job.external_id_field,
            origin=job_origin(self.job),
        )
        parsed = parse_rows(columns, rows)
        write = BatchWrite(org=self.org, target=target, settings=self.settings, columns=columns)
        return with_row_errors(parsed, len(rows), write.run(parsed.records))

    def _batches(self, source: CsvSource) -> Generator[RowBatch, None, None]:
        """The batches still to be processed, each of them paid for.

        Raises:
            JobFailedError: the upload is unreadable there, or an allocation is spent.
        """
        while not self.must_stop():
            batch = source.batch(BATCH_ROWS)
            if not batch.rows:
                return
            if not self.limits.try_spend(DAILY_BULK_RECORDS, len(batch.rows)):
                raise JobFailedError(RECORDS_SPENT)
            if not self.limits.try_spend(DAILY_BULK_BATCHES):
                raise JobFailedError(BATCHES_SPENT)
            yield batch

    def _account(self, source: CsvSource, files: ResultFiles, batch: RowBatch, outcome: BatchOutcome) -> bool:
        """Write down what a batch did; False when its time ran out before its rows did."""
        done = len(outcome.results)
        failed = files.write(batch.rows[:done], outcome.results)
        job = self.store.get(self.job.id)
        left_out = [(source.offset_after(batch, done), batch.end)] if done < len(batch.rows) else []
        self.store.change(
            self.job.id,
            bytes_read=batch.end,
            left_out=[*job.left_out, *left_out],
            result_bytes=files.lengths(),
            records_processed=job.records_processed + done,
            records_failed=job.records_failed + failed,
            retries=job.retries + outcome.retries,
            active_ms=job.active_ms + outcome.active_ms,
            apex_ms=job.apex_ms + outcome.apex_ms,
        )
        return not left_out
