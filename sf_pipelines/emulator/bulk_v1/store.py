"""Keeps the jobs of the Bulk API (version 1) while the emulator runs, their contents in files.

Belongs here: look-up, retention, which batch runs next. Not here: what a batch does (batch_run.py). Jobs of
this API don't outlive the process. Imports clock, errors, jobs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Condition
from typing import Any, Literal

from sf_pipelines.emulator.bulk.job_store import KEPT_AFTER_END
from sf_pipelines.emulator.bulk_v1.jobs import ENDED_BATCH, BatchState, ClassicBatch, ClassicJob, list_record
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.temporal import to_epoch_ms

ContentFile = Literal["request", "result"]


class ClassicStore:
    """All jobs of the org. Thread-safe; `lock` guards the facts of jobs and batches."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Keep contents in `folder`, which must exist."""
        self._folder = folder
        self._clock = clock
        self._jobs: dict[str, ClassicJob] = {}
        self._running: set[str] = set()
        self.lock = Condition()

    def now_ms(self) -> int:
        """The org's time."""
        return to_epoch_ms(self._clock.now())

    def path(self, batch: ClassicBatch, name: ContentFile) -> Path:
        """The file of a batch's request or result."""
        return self._folder / f"{batch.job_id}.{batch.id}.{name}"

    def add(self, job: ClassicJob) -> None:
        """Keep a new job."""
        with self.lock:
            self._jobs[job.id] = job

    def all(self) -> list[ClassicJob]:
        """Every job, oldest first."""
        with self.lock:
            self._drop_old()
            return list(self._jobs.values())

    def find(self, job_id: str) -> ClassicJob:
        """The job of that 18-character id.

        Raises:
            SalesforceError: InvalidJob.
        """
        with self.lock:
            self._drop_old()
            job = self._jobs.get(job_id)
        if job is None:
            raise SalesforceError("InvalidJob", f"Unable to find job with id: {job_id}")
        return job

    def find_batch(self, job: ClassicJob, batch_id: str) -> ClassicBatch:
        """The batch of that 18-character id.

        Raises:
            SalesforceError: InvalidBatch.
        """
        for batch in job.batches:
            if batch.id == batch_id:
                return batch
        raise SalesforceError("InvalidBatch", f"Unable to find batch with id: {batch_id} in job {job.id}")

    def list_records(self, kind: Literal["ingest", "query"]) -> list[dict[str, Any]]:
        """The jobs of a kind, as the lists of Bulk API 2.0 tell them."""
        with self.lock:
            return [list_record(job) for job in self.all() if job.is_query == (kind == "query")]

    def queue(self, job: ClassicJob, batch: ClassicBatch, content: bytes) -> None:
        """Keep a new batch, to be run."""
        self.path(batch, "request").write_bytes(content)
        with self.lock:
            job.batches.append(batch)

    def begin_next(self, job: ClassicJob) -> ClassicBatch | None:
        """Take the next queued batch in hand; None when there is none, or a serial job already runs one."""
        with self.lock:
            states = [batch.state for batch in job.batches]
            if job.concurrency_mode == "Serial" and "InProgress" in states:
                return None
            if "Queued" not in states or job.id not in self._jobs:
                return None
            batch = job.batches[states.index("Queued")]
            self._running.add(batch.id)
            batch.state = "InProgress"
            batch.modified_ms = self.now_ms()
            return batch

    def end(self, batch: ClassicBatch, state: BatchState, message: str | None = None, **facts: Any) -> None:
        """Let a batch be over."""
        with self.lock:
            for name, value in facts.items():
                setattr(batch, name, value)
            batch.state, batch.state_message, batch.modified_ms = state, message, self.now_ms()
            self._running.discard(batch.id)
            self.lock.notify_all()

    def fail(self, job: ClassicJob, batch: ClassicBatch, message: str) -> None:
        """Let a job and the batch in hand be Failed; its queued batches aren't processed."""
        self.end(batch, "Failed", message)
        with self.lock:
            self._finish(job, "Failed")

    def is_wanted(self, job: ClassicJob) -> bool:
        """False for a job that was aborted or failed, or that is no more."""
        with self.lock:
            return job.id in self._jobs and job.state in ("Open", "Closed")

    def set_state(
        self, job: ClassicJob, state: Literal["Closed", "Aborted"], check: Callable[[], None]
    ) -> None:
        """Close or abort, if `check` lets it pass; an aborted job's queued batches aren't processed."""
        with self.lock:
            check()
            if state == "Aborted":
                self._finish(job, state)
            else:
                job.state, job.modified_ms = state, self.now_ms()
        self._clock.wake()

    def wait_until_ended(self, batch: ClassicBatch, timeout_seconds: float) -> bool:
        """Block until a batch is over; False when the time is."""
        with self.lock:
            return self.lock.wait_for(lambda: batch.state in ENDED_BATCH, timeout_seconds)

    def clear(self) -> None:
        """Forget all, once the batches in hand are over."""
        with self.lock:
            jobs = list(self._jobs.values())
            self._jobs.clear()
            self._clock.wake()
            self.lock.wait_for(lambda: not self._running)
        for job in jobs:
            self._remove_files(job)

    def _finish(self, job: ClassicJob, state: Literal["Aborted", "Failed"]) -> None:
        job.state, job.modified_ms = state, self.now_ms()
        for batch in job.batches:
            if batch.state == "Queued":
                batch.state, batch.modified_ms = "NotProcessed", job.modified_ms
        self.lock.notify_all()

    def _drop_old(self) -> None:
        kept_ms = KEPT_AFTER_END // timedelta(milliseconds=1)
        for job in list(self._jobs.values()):
            # [D] jobs older than seven days are deleted, whatever their state.
            if self.now_ms() - job.created_ms > kept_ms and not self._running:
                del self._jobs[job.id]
                self._remove_files(job)

    def _remove_files(self, job: ClassicJob) -> None:
        for path in self._folder.glob(f"{job.id}.*"):
            path.unlink(missing_ok=True)
