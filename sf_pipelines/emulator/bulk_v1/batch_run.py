"""Runs the batches of the Bulk API (version 1) in the pool of batches.

Belongs here: one batch from Queued to its end, and starting the next. Not here: formats. Imports bulk's batch
writing and workers, contents, faults, results, store.
"""

from __future__ import annotations

import logging
from contextvars import copy_context
from threading import Lock

from sf_pipelines.emulator.bulk.batch_write import BatchWrite, WriteTarget, job_origin, with_row_errors
from sf_pipelines.emulator.bulk.ingest_run import OUT_OF_TIME
from sf_pipelines.emulator.bulk.strict_csv import JobFailedError
from sf_pipelines.emulator.bulk.workers import BulkWorkers
from sf_pipelines.emulator.bulk_v1.contents import read_content, read_soql
from sf_pipelines.emulator.bulk_v1.jobs import RESULT_KEY_PREFIX, ClassicBatch, ClassicJob
from sf_pipelines.emulator.bulk_v1.results import outcome_bytes, query_pieces
from sf_pipelines.emulator.bulk_v1.store import ClassicStore
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.faults.jobs import JobFaults, JobFaultSource
from sf_pipelines.emulator.org import Org

_LOG = logging.getLogger(__name__)


class ClassicRunner:
    """Runs queued batches; a serial job's one at a time."""

    def __init__(
        self, org: Org, store: ClassicStore, workers: BulkWorkers, fault_source: JobFaultSource
    ) -> None:
        """Wait for turns in the workers' own threads, and run in their pool of batches."""
        self._org = org
        self._store = store
        self._workers = workers
        self._fault_source = fault_source
        self._lock = Lock()

    def wake(self, job: ClassicJob) -> None:
        """Run a queued batch of that job, if there is one and its turn has come."""
        self._workers.turns.submit(self._run_next, job)

    def _run_next(self, job: ClassicJob) -> None:
        faults = self._faults_of(job)
        batch = self._store.begin_next(job)
        if batch is None:
            return
        try:
            self._run(job, batch, faults)
        except JobFailedError as error:
            self._store.end(batch, "Failed", str(error))
        except SalesforceError as error:
            self._store.end(batch, "Failed", f"InvalidBatch : {error.code}: {error.message}")
        except Exception:  # noqa: BLE001  a worker must outlive a failing batch: logged, and told in the batch
            _LOG.exception("Batch %s failed inside the emulator", batch.id)
            self._store.end(batch, "Failed", "InternalServerError : see the emulator's log")
        if not self._workers.is_stopping:
            self.wake(job)

    def _faults_of(self, job: ClassicJob) -> JobFaults:
        """What is to happen to the job, whose first batch waits in the queue."""
        if job.faults is None:
            self._fault_source.wait_in_queue(lambda: self._is_unwanted(job))
        with self._lock:
            if job.faults is None:
                job.faults = self._fault_source.for_job(job.sobject, job.operation)
            return job.faults

    def _run(self, job: ClassicJob, batch: ClassicBatch, faults: JobFaults) -> None:
        failure = faults.next_batch(lambda: self._is_unwanted(job))
        if self._is_unwanted(job):
            self._store.end(batch, "NotProcessed")
        elif failure is not None:
            self._store.fail(job, batch, failure)
        else:
            work = self._query if job.is_query else self._ingest
            with faults.failing_rows():
                # in a copy of this thread's context, where a fault may have said which rows fail
                self._workers.pool.submit(copy_context().run, work, job, batch).result()

    def _is_unwanted(self, job: ClassicJob) -> bool:
        return self._workers.is_stopping or not self._store.is_wanted(job)

    def _query(self, job: ClassicJob, batch: ClassicBatch) -> None:
        soql = read_soql(self._store.path(batch, "request").read_bytes())
        result = self._org.query(soql, include_deleted=job.operation == "queryAll", bulk=True)
        if result.sobject != job.sobject:
            message = f"Query Object : {result.sobject} is different from Job Object : {job.sobject}"
            raise JobFailedError(f"InvalidBatch : Failed to process query: {message}")
        with self._store.path(batch, "result").open("wb") as file:
            file.writelines(query_pieces(job.content_type, result))
        result_id = self._org.ids.next(RESULT_KEY_PREFIX)
        self._store.end(batch, "Completed", records_processed=result.total_size, result_id=result_id)

    def _ingest(self, job: ClassicJob, batch: ClassicBatch) -> None:
        content = read_content(self._org.schema, job, self._store.path(batch, "request").read_bytes())
        target = WriteTarget(
            operation=job.operation,
            sobject=job.sobject,
            external_id_field=job.external_id_field,
            origin=job_origin(job),
        )
        write = BatchWrite(
            org=self._org, target=target, settings=self._workers.settings, columns=content.columns
        )
        outcome = with_row_errors(content.parsed, content.size, write.run(content.parsed.records))
        self._store.path(batch, "result").write_bytes(outcome_bytes(job.content_type, outcome.results))
        is_whole = len(outcome.results) == content.size
        self._store.end(
            batch,
            "Completed" if is_whole else "Failed",
            None if is_whole else OUT_OF_TIME,
            records_processed=len(outcome.results),
            records_failed=sum(not result.success for result in outcome.results),
            retries=outcome.retries,
            active_ms=outcome.active_ms,
            apex_ms=outcome.apex_ms,
        )
