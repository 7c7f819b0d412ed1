"""Waiting for Bulk jobs: one poller for ingest and query, so that each poll is worth its metered call.

The first poll comes after what is expected, later ones back off; clock and sleep are injected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sf_pipelines.rails.errors import JobDeadlineError
from sf_pipelines.rails.ports import BulkJob


@dataclass(frozen=True, kw_only=True, slots=True)
class PollSchedule:
    """How often to ask.

    Attributes:
        shortest_seconds, longest_seconds: bounds of every wait but the first's upper one.
        longest_first_seconds: even a long job is asked for after this time, because it may have failed.
        later_share: second wait as a share of what was expected; growth: each further wait by the one before.
        deadline_seconds: when to give up; the org itself gives up within a day.
    """

    shortest_seconds: float = 0.5
    longest_seconds: float = 60.0
    longest_first_seconds: float = 300.0
    later_share: float = 0.2
    growth: float = 1.5
    deadline_seconds: float = 86_400.0

    def waits(self, expected_seconds: float) -> Iterator[float]:
        """Seconds to wait before each poll, without end."""
        yield min(max(expected_seconds, self.shortest_seconds), self.longest_first_seconds)
        wait_seconds = expected_seconds * self.later_share
        while True:
            wait_seconds = min(max(wait_seconds, self.shortest_seconds), self.longest_seconds)
            yield wait_seconds
            wait_seconds *= self.growth


@dataclass(frozen=True, kw_only=True, slots=True)
class Poller:
    """Asks for a job until it is terminal."""

    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    schedule: PollSchedule = PollSchedule()

    def until_terminal(self, read: Callable[[], BulkJob], *, expected_seconds: float) -> BulkJob:
        """The job in its last state, whichever that is.

        Raises:
            JobDeadlineError: it was not terminal in time; the org goes on with it.
        """
        started_at = self.monotonic()
        for wait_seconds in self.schedule.waits(expected_seconds):
            left_seconds = self.schedule.deadline_seconds - (self.monotonic() - started_at)
            self.sleep(max(0.0, min(wait_seconds, left_seconds)))
            job = read()
            if job.state.is_terminal:
                return job
            if wait_seconds >= left_seconds:
                raise _too_late(job, self.schedule.deadline_seconds)
        raise AssertionError("the schedule has no end")


def _too_late(job: BulkJob, deadline_seconds: float) -> JobDeadlineError:
    return JobDeadlineError(
        f"Job {job.id} is still {job.state.value} after {deadline_seconds:.0f} s, with "
        f"{job.records_processed} records processed: wait for it again, or abort it.",
        job_id=job.id,
    )
