"""Where the time of a Bulk load goes: uploading, waiting, fetching results, joining them to what was sent."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter

from sf_pipelines.rails.ports import BulkJob, ReadableBytes, ResultKind
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.watched_ingest import WatchedIngest


@dataclass(slots=True)
class Times:
    """Seconds so far.

    Attributes:
        after_wait_seconds: from the end of waiting for a job until its rows are counted in the ledger:
            fetching its results, joining them and storing what they say.
    """

    upload_seconds: float = 0.0
    wait_seconds: float = 0.0
    fetch_seconds: float = 0.0
    after_wait_seconds: float = 0.0

    @property
    def join_seconds(self) -> float:
        """Everything done with results but waiting for their bytes."""
        return self.after_wait_seconds - self.fetch_seconds


class TimedIngest(WatchedIngest):
    """The real ingest port with a stopwatch."""

    def __init__(self, tools: Tools, times: Times) -> None:
        super().__init__(tools.client.ingest, lambda _step, _asked: None)
        self._times = times
        self._waited_at: float | None = None

    def upload(self, job_id: str, body: Iterable[bytes]) -> None:
        started = perf_counter()
        super().upload(job_id, body)
        self._times.upload_seconds += perf_counter() - started

    def wait(self, job_id: str, *, expected_seconds: float) -> BulkJob:
        self.lap()
        started = perf_counter()
        job = super().wait(job_id, expected_seconds=expected_seconds)
        self._waited_at = perf_counter()
        self._times.wait_seconds += self._waited_at - started
        return job

    @contextmanager
    def results(self, job_id: str, kind: ResultKind) -> Generator[ReadableBytes]:
        started = perf_counter()
        with super().results(job_id, kind) as stream:
            yield stream
        self._times.fetch_seconds += perf_counter() - started

    def lap(self) -> None:
        """Add the time since the last wait has ended."""
        if self._waited_at is not None:
            self._times.after_wait_seconds += perf_counter() - self._waited_at
            self._waited_at = None


def timed(tools: Tools, times: Times) -> Tools:
    """The same tools with a stopwatch; a progress sentence ends the lap of a job."""
    ingest = TimedIngest(tools, times)
    told: Callable[[str], None] = tools.tell

    def tell(sentence: str) -> None:
        ingest.lap()
        told(sentence)

    return replace(tools, client=replace(tools.client, ingest=ingest), tell=tell)
