"""Processes one ingest job: batches of 10,000 rows, each accounted for before the next begins.

Belongs here: the run of a job from InProgress to its end. Not here: threads (workers.py), HTTP. Imports org,
limits, and the CSV and result parts of this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sf_pipelines.emulator.bulk.csv_source import CsvSource, JobFailedError
from sf_pipelines.emulator.bulk.header import BoundColumn, Record, bind_header, records_of
from sf_pipelines.emulator.bulk.job_store import JobStore
from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.bulk.result_files import ResultFiles
from sf_pipelines.emulator.limits import DAILY_BULK_BATCHES, LimitBook
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.results import RowResult

# [D] section 5.4: internal batches, and the DML chunks inside them.
BATCH_ROWS = 10_000
CHUNK_ROWS = 200
UPLOAD = "upload.csv"


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestRun:
    """One run of one job."""

    org: Org
    store: JobStore
    limits: LimitBook
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
        if job.bytes_read > source.offset:
            source = source.continued(job.bytes_read)
        with ResultFiles(self.store, job, raw_header) as files:
            if self._run_batches(source, columns, files):
                self.store.change(job.id, state="JobComplete")

    def _run_batches(self, source: CsvSource, columns: Sequence[BoundColumn], files: ResultFiles) -> bool:
        """True when the upload was read to its end."""
        while True:
            if self.must_stop():
                return False
            rows = source.batch(BATCH_ROWS)
            if not rows:
                return True
            if not self.limits.try_spend(DAILY_BULK_BATCHES):
                raise JobFailedError("LimitExceeded : The daily number of Bulk API batches has been reached")
            failed = files.write(rows, self._write_to_org(columns, rows))
            self._account(source, files, len(rows), failed)

    def _account(self, source: CsvSource, files: ResultFiles, processed: int, failed: int) -> None:
        job = self.store.get(self.job.id)
        self.store.change(
            self.job.id,
            bytes_read=source.offset,
            result_bytes=files.lengths(),
            records_processed=job.records_processed + processed,
            records_failed=job.records_failed + failed,
        )

    def _write_to_org(self, columns: Sequence[BoundColumn], rows: Sequence[Sequence[str]]) -> list[RowResult]:
        records, errors = records_of(columns, rows)
        if not errors:
            return self._apply_in_chunks(records)
        sound = iter(self._apply_in_chunks([one for at, one in enumerate(records) if at not in errors]))
        return [
            RowResult(id=None, success=False, errors=(errors[at],)) if at in errors else next(sound)
            for at in range(len(rows))
        ]

    def _apply_in_chunks(self, records: list[Record]) -> list[RowResult]:
        """One transaction for each DML chunk where transactions last; one for the batch where they don't."""
        step = BATCH_ROWS if self.org.transactions.is_plain else CHUNK_ROWS
        return [
            result
            for start in range(0, len(records), step)
            for result in self._apply(records[start : start + step])
        ]

    def _apply(self, records: list[Record]) -> list[RowResult]:
        job, org = self.job, self.org
        if not records:
            return []
        if job.operation == "insert":
            return org.create(job.sobject, records, user_id=job.created_by)
        if job.operation == "update":
            return org.update(job.sobject, records, user_id=job.created_by)
        if job.operation == "upsert":
            return org.upsert(job.sobject, job.external_id_field or "Id", records, user_id=job.created_by)
        ids = [record.get("Id") or "" for record in records]
        return org.delete(job.sobject, ids, hard=job.operation == "hardDelete", user_id=job.created_by)
