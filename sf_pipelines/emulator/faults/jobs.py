"""What faults and latency do to one Bulk job, as the worker that runs it sees it.

Belongs here: waiting in the queue, being stuck, failing, failing rows. Not here: jobs themselves (bulk/).
Imports book, clock, latency, refusals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from random import Random

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.dml.refusals import RowRefusals, refusing
from sf_pipelines.emulator.faults.book import FaultBook, SetFault
from sf_pipelines.emulator.latency.profile import Latency


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFaultSource:
    """Gives each job what is to happen to it."""

    book: FaultBook
    latency: Latency
    clock: Clock

    def wait_in_queue(self, must_stop: Callable[[], bool]) -> None:
        """Let the time pass that a job waits before it begins; `must_stop` ends it."""
        seconds = self.latency.queue_seconds()
        if seconds > 0:
            self.clock.wait_for(must_stop, self.clock.after(seconds))

    def for_job(self, sobject: str, operation: str) -> JobFaults:
        """The faults that hit this job."""
        return JobFaults(self.book, self.clock, self.book.hit_by_job(sobject, operation))


class JobFaults:
    """The faults of one run of one job."""

    def __init__(self, book: FaultBook, clock: Clock, entries: Sequence[SetFault]) -> None:
        """Nothing has happened yet."""
        self._book = book
        self._clock = clock
        self._by_kind = {entry.fault.kind: entry for entry in entries}
        self._batch_numbers = count()

    def next_batch(self, must_stop: Callable[[], bool]) -> str | None:
        """Ask before each batch. Blocks while the job is stuck; the message of a job that fails here."""
        batches_done = next(self._batch_numbers)
        stuck = self._due("job_stuck", batches_done)
        if stuck is not None:
            ticket = stuck.ticket()
            self._book.strike(stuck)
            self._clock.wait_for(lambda: stuck.is_released(ticket) or must_stop())
        failing = self._due("job_fails", batches_done)
        if failing is None:
            return None
        self._book.strike(failing)
        return failing.fault.options["message"]

    def failing_rows(self) -> AbstractContextManager[None]:
        """While the block runs, its thread's DML loses the rows that a fault names, counted by job."""
        return refusing(self._refusals)

    @cached_property
    def _refusals(self) -> RowRefusals | None:
        entry = self._by_kind.get("job_rows_fail")
        if entry is None:
            return None
        self._book.strike(entry)
        options = entry.fault.options
        rows: int = options["rows"]
        return RowRefusals(
            code=options["code"],
            message=options["message"] or None,
            rows=rows or None,
            share=1.0 if rows else options["share"],
            random=Random(entry.fault.seed),
        )

    def _due(self, kind: str, batches_done: int) -> SetFault | None:
        entry = self._by_kind.get(kind)
        if entry is None or batches_done != entry.fault.options["after_batches"]:
            return None
        return entry
