"""Keeps Bulk jobs: one JSON file for each beside its spool files, so that jobs outlive the process.

Belongs here: look-up, atomic changes, waiting for a change, expiry. Not here: what a state means to a caller
(routes). Imports clock, errors, jobs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Condition
from typing import Any

from sf_pipelines.emulator.bulk.jobs import Job, JobKind
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError

# [D] section 5.4.
KEPT_AFTER_END = timedelta(days=7)
OPEN_AT_MOST = timedelta(hours=24)
# [I] what becomes of a job that got no data in that time.
OPEN_TOO_LONG = "Timeout : The job was open for longer than 24 hours"
_MS = timedelta(milliseconds=1)


class JobGoneError(Exception):
    """The job was deleted while something worked on it."""


class JobStore:
    """All jobs of the org, in a folder. Thread-safe."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Take up the jobs that the folder already holds."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clock = clock
        self._changed = Condition()
        self._jobs: dict[str, Job] = {}
        self._uploading: set[str] = set()
        for path in sorted(folder.glob("*.job.json")):
            job = Job(**json.loads(path.read_text(encoding="utf-8")))
            self._jobs[job.id] = job

    def now_ms(self) -> int:
        """The org's time."""
        return round(self._clock.now().timestamp() * 1000)

    def path(self, job_id: str, name: str) -> Path:
        """The spool file `name` of a job."""
        return self._folder / f"{job_id}.{name}"

    def add(self, job: Job) -> None:
        """Keep a new job."""
        with self._changed:
            self._put(job)

    def find(self, kind: JobKind, job_id: str) -> Job:
        """The job of that id.

        Raises:
            SalesforceError: 404 NOT_FOUND, also past the days that results are kept.
        """
        with self._changed:
            self._age(self._jobs.get(job_id))
            job = self._jobs.get(job_id)
        if job is None or job.kind != kind:
            raise SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)
        return job

    def get(self, job_id: str) -> Job:
        """The job of that id, of either kind.

        Raises:
            JobGoneError: it was deleted.
        """
        with self._changed:
            job = self._jobs.get(job_id)
        if job is None:
            raise JobGoneError(job_id)
        return job

    def is_waiting(self, job_id: str) -> bool:
        """True while the job is there and has not ended."""
        with self._changed:
            job = self._jobs.get(job_id)
        return job is not None and not job.is_finished

    def all(self, kind: JobKind | None = None) -> list[Job]:
        """Every job, oldest id first."""
        with self._changed:
            for job in list(self._jobs.values()):
                self._age(job)
            return sorted(
                (job for job in self._jobs.values() if kind in (None, job.kind)), key=lambda one: one.id
            )

    def change(self, job_id: str, check: Callable[[Job], None] | None = None, **changes: Any) -> Job:
        """Replace facts of a job in one step, if `check` lets it pass.

        Raises:
            JobGoneError: there is no such job any more.
            Exception: whatever `check` raises; the job is then unchanged.
        """
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None:
                raise JobGoneError(job_id)
            if check is not None:
                check(job)
            now_ms = self.now_ms()
            job = dataclasses.replace(job, **changes, modified_ms=now_ms)
            if job.is_finished and job.finished_ms is None:
                job = dataclasses.replace(job, finished_ms=now_ms)
            self._put(job)
            self._changed.notify_all()
        if job.is_finished:
            self._clock.wake()
        return job

    def wait_until_finished(self, job_id: str, timeout_seconds: float) -> Job:
        """Block until the job has ended, was deleted, or the time is over; the job as it was last seen.

        Raises:
            JobGoneError: it was deleted.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: job_id not in self._jobs or self._jobs[job_id].is_finished, timeout_seconds
            )
            if job_id not in self._jobs:
                raise JobGoneError(job_id)
            return self._jobs[job_id]

    def begin_upload(self, job_id: str) -> bool:
        """Reserve a job's one upload; False while another one is under way."""
        with self._changed:
            if job_id in self._uploading:
                return False
            self._uploading.add(job_id)
            return True

    def end_upload(self, job_id: str) -> None:
        """Give the reservation back."""
        with self._changed:
            self._uploading.discard(job_id)

    def remove(self, job: Job) -> None:
        """Forget a job and its files."""
        with self._changed:
            self._drop(job)
            self._changed.notify_all()
        self._clock.wake()

    def remove_named_in(self, path: str) -> None:
        """Forget the jobs whose ids stand in a URL path, whatever their state, as an admin could."""
        for job in self.all():
            if job.id in path or job.id[:15] in path.split("/"):
                self.remove(job)

    def clear(self) -> None:
        """Forget all."""
        for job in self.all():
            self.remove(job)

    def _put(self, job: Job) -> None:
        self._jobs[job.id] = job
        path = self.path(job.id, "job.json")
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(dataclasses.asdict(job)), encoding="utf-8")
        draft.replace(path)

    def _drop(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        for path in self._folder.glob(f"{job.id}.*"):
            path.unlink(missing_ok=True)

    def _age(self, job: Job | None) -> None:
        """Fail a job that was open for too long; drop one that ended too long ago."""
        if job is not None and job.state == "Open":
            closes_ms = job.created_ms + OPEN_AT_MOST // _MS
            if self.now_ms() > closes_ms:
                job = dataclasses.replace(
                    job,
                    state="Failed",
                    error_message=OPEN_TOO_LONG,
                    modified_ms=closes_ms,
                    finished_ms=closes_ms,
                )
                self._put(job)
        if job is not None and job.finished_ms is not None and self._is_past_keeping(job.finished_ms):
            self._drop(job)

    def _is_past_keeping(self, finished_ms: int) -> bool:
        return self.now_ms() - finished_ms > KEPT_AFTER_END // _MS
