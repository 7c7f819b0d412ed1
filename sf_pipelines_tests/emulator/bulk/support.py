"""Ingest jobs run in this thread, without a server: what their files say when they are over."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sf_pipelines.emulator.bulk.ingest_run import UPLOAD, IngestRun
from sf_pipelines.emulator.bulk.job_store import JobStore
from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.bulk.result_files import FAILED, SUCCESSFUL
from sf_pipelines.emulator.bulk.settings import BulkSettings
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.limits import LimitBook
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema


@dataclass
class Bench:
    """An org and what runs its jobs."""

    org: Org
    store: JobStore
    limits: LimitBook
    pool: Executor

    def add_job(self, content: str | bytes, operation: str = "insert", **facts: Any) -> Job:
        """A job that is InProgress, its content uploaded."""
        defaults = {"sobject": "Account", "state": "InProgress", "has_upload": True}
        job = Job(
            id=self.org.ids.next("750"),
            kind="ingest",
            operation=operation,
            created_by=self.org.user_id,
            created_ms=self.store.now_ms(),
            modified_ms=self.store.now_ms(),
            started_ms=self.store.now_ms(),
            api_version="66.0",
            **{**defaults, **facts},
        )
        self.store.add(job)
        body = content.encode() if isinstance(content, str) else content
        self.store.path(job.id, UPLOAD).write_bytes(body)
        return job

    def run(
        self,
        job: Job,
        settings: BulkSettings | None = None,
        must_stop: Callable[[], bool] = lambda: False,
        org: Any = None,
    ) -> Job:
        """Run it; the job afterwards."""
        IngestRun(
            org=org or self.org,
            store=self.store,
            limits=self.limits,
            settings=settings or BulkSettings(),
            pool=self.pool,
            job=job,
            must_stop=must_stop,
        ).run()
        return self.store.get(job.id)

    def rows(self, job: Job, kind: str) -> list[list[str]]:
        """The data rows of a result file; `unprocessed` is what the job never reached."""
        content = self._unprocessed(job) if kind == "unprocessed" else self._file(job, kind)
        reader = csv.reader(io.StringIO(content.decode(), newline=""), delimiter=job.delimiter)
        return [row for row in reader if row][1:]

    def _file(self, job: Job, kind: str) -> bytes:
        path = self.store.path(job.id, {"successful": SUCCESSFUL, "failed": FAILED}[kind])
        return (
            path.read_bytes()[: job.result_bytes.get(path.name.partition(".")[2])] if path.exists() else b""
        )

    def _unprocessed(self, job: Job) -> bytes:
        upload = self.store.path(job.id, UPLOAD).read_bytes()
        parts = [(0, job.header_bytes), *job.left_out, (max(job.bytes_read, job.header_bytes), len(upload))]
        return b"".join(upload[start:end] for start, end in parts)


@contextmanager
def bench(workers: int = 1) -> Iterator[Bench]:
    """An empty org on a frozen clock."""
    clock = Clock(datetime(2026, 2, 1, 10, tzinfo=UTC), frozen=True)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        org = Org(schema=load_schema(None), clock=clock)
        yield Bench(org=org, store=JobStore(Path(folder), clock), limits=LimitBook(clock), pool=pool)
        org.close()
