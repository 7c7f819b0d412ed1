"""The real ingest port, with something done before a step: an error raised, a clock moved, a note taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.ports import BulkIngestPort, BulkJob, ReadableBytes, ResultKind
from sf_pipelines.workflows.tools import Tools

Before = Callable[[str, int], None]
"""Takes the name of a step, and how often it was asked for, counted from 1."""


class WatchedIngest(BulkIngestPort):
    """Every step goes to the port inside, after `before` was told of it."""

    def __init__(self, inside: BulkIngestPort, before: Before) -> None:
        self._inside = inside
        self._before = before
        self._asked: dict[str, int] = {}

    def create(self, sobject: str, operation: Operation, *, external_id_field: str | None = None) -> BulkJob:
        self._tell("create")
        return self._inside.create(sobject, operation, external_id_field=external_id_field)

    def upload(self, job_id: str, body: Iterable[bytes]) -> None:
        self._tell("upload")
        self._inside.upload(job_id, body)

    def close(self, job_id: str) -> BulkJob:
        self._tell("close")
        return self._inside.close(job_id)

    def abort(self, job_id: str) -> BulkJob:
        self._tell("abort")
        return self._inside.abort(job_id)

    def info(self, job_id: str) -> BulkJob:
        self._tell("info")
        return self._inside.info(job_id)

    def jobs(self) -> Iterator[BulkJob]:
        self._tell("jobs")
        return self._inside.jobs()

    def wait(self, job_id: str, *, expected_seconds: float) -> BulkJob:
        self._tell("wait")
        return self._inside.wait(job_id, expected_seconds=expected_seconds)

    def results(self, job_id: str, kind: ResultKind) -> AbstractContextManager[ReadableBytes]:
        self._tell("results")
        return self._inside.results(job_id, kind)

    def _tell(self, step: str) -> None:
        self._asked[step] = self._asked.get(step, 0) + 1
        self._before(step, self._asked[step])


def watched(tools: Tools, before: Before) -> Tools:
    """The same tools with a watched ingest port."""
    return replace(tools, client=replace(tools.client, ingest=WatchedIngest(tools.client.ingest, before)))


def failing(tools: Tools, errors: dict[str, BaseException]) -> Tools:
    """The same tools, with an error in place of each named step."""

    def before(step: str, asked: int) -> None:
        del asked
        if step in errors:
            raise errors[step]

    return watched(tools, before)
