"""The background threads that run Bulk jobs, some for ingest and some for queries, and the pool of batches.

Belongs here: queues, starting, stopping, taking up unfinished jobs. Not here: what a run does. Imports the
runs.
"""

from __future__ import annotations

import logging
import queue
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread

from sf_pipelines.emulator.bulk.ingest_run import IngestRun
from sf_pipelines.emulator.bulk.job_store import JobGoneError, JobStore
from sf_pipelines.emulator.bulk.jobs import Job, JobKind
from sf_pipelines.emulator.bulk.query_run import QueryRun
from sf_pipelines.emulator.bulk.settings import BulkSettings
from sf_pipelines.emulator.bulk.strict_csv import JobFailedError
from sf_pipelines.emulator.faults.jobs import JobFaults, JobFaultSource
from sf_pipelines.emulator.limits import LimitBook
from sf_pipelines.emulator.org import Org

_LOG = logging.getLogger(__name__)
_RUNS: dict[JobKind, type[IngestRun] | type[QueryRun]] = {"ingest": IngestRun, "query": QueryRun}


class _NotWaitingError(Exception):
    """The job needs no run any more: it was aborted in the queue."""


class BulkWorkers:
    """Runs jobs in the order of their closing, `settings.parallel_batches` of each kind at a time."""

    def __init__(
        self, org: Org, store: JobStore, limits: LimitBook, settings: BulkSettings, faults: JobFaultSource
    ) -> None:
        """Make the threads; `start` lets them run."""
        self.settings = settings
        self.pool = ThreadPoolExecutor(settings.parallel_batches, thread_name_prefix="bulk-batch")
        """Where batches run, those of the Bulk API (version 1) too."""
        self.turns = ThreadPoolExecutor(settings.parallel_batches, thread_name_prefix="bulk-turn")
        """Where jobs of that API wait for a turn of theirs, which a fault may make long."""
        self._org = org
        self._store = store
        self._limits = limits
        self._faults = faults
        self._stopping = Event()
        self._aborting: set[str] = set()
        self._queues: dict[JobKind, queue.Queue[str | None]] = {kind: queue.Queue() for kind in _RUNS}
        self._threads = [
            Thread(target=self._work, args=(kind,), name=f"bulk-{kind}", daemon=True)
            for kind in _RUNS
            for _ in range(settings.parallel_batches)
        ]

    def start(self) -> None:
        """Start, beginning with the jobs that an earlier process left unfinished."""
        for job in self._store.all():
            if job.state in ("UploadComplete", "InProgress"):
                self.submit(job)
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Run a job that is UploadComplete."""
        self._queues[job.kind].put(job.id)

    @property
    def is_stopping(self) -> bool:
        """True once nothing new is to begin."""
        return self._stopping.is_set()

    def abort(self, job_id: str) -> None:
        """Let the run of that job end after the batch in hand, as Aborted."""
        self._aborting.add(job_id)
        self._org.clock.wake()

    def wait_idle(self) -> None:
        """Block until all that was submitted so far has been run or dropped."""
        for jobs in self._queues.values():
            jobs.join()

    def stop(self) -> None:
        """End after the batches in hand; unfinished jobs stay as they are, for the next start."""
        self._stopping.set()
        self._org.clock.wake()
        for jobs in self._queues.values():
            for _ in range(self.settings.parallel_batches):
                jobs.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self.turns.shutdown()
        self.pool.shutdown()

    def _work(self, kind: JobKind) -> None:
        jobs = self._queues[kind]
        while True:
            job_id = jobs.get()
            try:
                if job_id is None or self._stopping.is_set():
                    return
                self._run_guarded(kind, job_id)
            finally:
                jobs.task_done()

    def _run_guarded(self, kind: JobKind, job_id: str) -> None:
        # A wish to abort belongs to this run only once it is InProgress; a reset org reuses ids.
        self._aborting.discard(job_id)
        try:
            self._run(kind, job_id)
        except (JobGoneError, _NotWaitingError):
            return
        except Exception:  # noqa: BLE001  a worker must outlive a failing job: logged, and told in the job
            _LOG.exception("Job %s failed inside the emulator", job_id)
            self._fail(job_id)

    def _run(self, kind: JobKind, job_id: str) -> None:
        self._faults.wait_in_queue(lambda: self._is_unwanted(job_id))
        now_ms = self._store.now_ms()
        job = self._store.get(job_id)
        started_ms = job.started_ms if job.started_ms is not None else now_ms
        job = self._store.change(job_id, _check_waiting, state="InProgress", started_ms=started_ms)
        faults = self._faults.for_job(job.sobject, job.operation)
        run = _RUNS[kind](
            org=self._org,
            store=self._store,
            limits=self._limits,
            settings=self.settings,
            pool=self.pool,
            job=job,
            must_stop=lambda: self._must_stop(job_id, faults),
        )
        try:
            with faults.failing_rows():
                run.run()
        except JobFailedError as error:
            self._store.change(job_id, state="Failed", error_message=str(error))
        if job_id in self._aborting and not self._store.get(job_id).is_finished:
            self._store.change(job_id, state="Aborted")

    def _must_stop(self, job_id: str, faults: JobFaults) -> bool:
        """Asked before each batch, which is where a fault ends a job or holds it up.

        Raises:
            JobFailedError: a fault ends the job.
            JobGoneError: the job was deleted.
        """
        failure = faults.next_batch(lambda: self._is_unwanted(job_id))
        self._store.get(job_id)
        if self._stopping.is_set() or job_id in self._aborting:
            return True
        if failure is not None:
            raise JobFailedError(failure)
        return False

    def _is_unwanted(self, job_id: str) -> bool:
        return self._stopping.is_set() or job_id in self._aborting or not self._store.is_waiting(job_id)

    def _fail(self, job_id: str) -> None:
        try:
            self._store.change(
                job_id, state="Failed", error_message="InternalServerError : see the emulator's log"
            )
        except JobGoneError:
            return


def _check_waiting(job: Job) -> None:
    if job.is_finished:
        raise _NotWaitingError(job.id)
