from __future__ import annotations

import pytest

from sf_pipelines.policy.poll_schedule import PollSchedule
from sf_pipelines.rails.errors import JobDeadlineError
from sf_pipelines.rails.polling import Poller
from sf_pipelines.rails.ports import BulkJob, JobState


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds

    def monotonic(self) -> float:
        return self.seconds


def job(state: JobState) -> BulkJob:
    return BulkJob(id="750", sobject="Contact", operation="insert", state=state)


@pytest.mark.parametrize("end", [JobState.JOB_COMPLETE, JobState.FAILED, JobState.ABORTED])
def test_polling_ends_with_any_terminal_state(end: JobState) -> None:
    clock = Clock()
    states = iter([JobState.UPLOAD_COMPLETE, JobState.IN_PROGRESS, end])
    poller = Poller(sleep=clock.sleep, monotonic=clock.monotonic)

    assert poller.until_terminal(lambda: job(next(states)), expected_seconds=2).state is end
    assert len(clock.sleeps) == 3


def test_the_deadline_ends_the_wait_with_a_last_look() -> None:
    clock = Clock()
    schedule = PollSchedule(deadline_seconds=100.0)
    poller = Poller(sleep=clock.sleep, monotonic=clock.monotonic, schedule=schedule)

    with pytest.raises(JobDeadlineError, match="750 is still InProgress after 100 s") as caught:
        poller.until_terminal(lambda: job(JobState.IN_PROGRESS), expected_seconds=70)

    assert clock.seconds == 100.0
    assert (caught.value.job_id, caught.value.is_retryable) == ("750", True)


def test_a_job_that_ends_at_the_deadline_is_taken() -> None:
    clock = Clock()
    poller = Poller(
        sleep=clock.sleep, monotonic=clock.monotonic, schedule=PollSchedule(deadline_seconds=10.0)
    )

    def read() -> BulkJob:
        return job(JobState.JOB_COMPLETE if clock.seconds >= 10 else JobState.IN_PROGRESS)

    assert poller.until_terminal(read, expected_seconds=50).state is JobState.JOB_COMPLETE
