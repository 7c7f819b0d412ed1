"""When to ask a Bulk job for its state: shared by the client that asks and by the cost model that counts.

Every poll is a metered call, and a job may end earlier than expected: so the first question comes after
a twentieth of the expected time, and each pause is half as long again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class PollSchedule:
    """How often to ask.

    Attributes:
        shortest_seconds, longest_seconds: bounds of every pause.
        first_share: first pause as a share of the expected time.
        growth: each further pause by the one before.
        deadline_seconds: when to give up; the org itself gives up within a day.
    """

    shortest_seconds: float = 0.5
    longest_seconds: float = 60.0
    first_share: float = 0.05
    growth: float = 1.5
    deadline_seconds: float = 86_400.0

    def waits(self, expected_seconds: float) -> Iterator[float]:
        """Seconds to pause before each poll, without end."""
        pause_seconds = expected_seconds * self.first_share
        while True:
            pause_seconds = min(max(pause_seconds, self.shortest_seconds), self.longest_seconds)
            yield pause_seconds
            pause_seconds *= self.growth

    def polls_within(self, expected_seconds: float) -> int:
        """Polls until a job that takes as long as expected is seen to be done."""
        waited_seconds = 0.0
        for polls, pause_seconds in enumerate(self.waits(expected_seconds), start=1):
            waited_seconds += pause_seconds
            if waited_seconds >= expected_seconds:
                return polls
        raise AssertionError("pauses have no end")
