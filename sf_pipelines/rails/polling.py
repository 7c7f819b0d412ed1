"""Waiting for Bulk jobs: one poller for ingest and query, so that each poll is worth its metered call.

When to poll is the schedule's to say (policy/poll_schedule.py); clock and sleep are injected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sf_pipelines.policy.poll_schedule import PollSchedule
from sf_pipelines.rails.errors import JobDeadlineError
from sf_pipelines.rails.ports import BulkJob


@dataclass(frozen=True, kw_only=True, slots=True)
class Poller:
    """Asks for a job until it is terminal."""

    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    schedule: PollSchedule = field(default_factory=PollSchedule)

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
