"""When a request is sent again, and how long to wait before: exponential, with jitter, bounded.

Salesforce tells no `Retry-After`, so the pace is ours. Only what cannot be done twice by it is repeated.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from sf_pipelines.rails.errors import (
    ConcurrencyLimitError,
    OrgUnavailableError,
    SalesforceError,
    TransportError,
    UnreachableError,
)
from sf_pipelines.rails.refusal import REFUSED_BEFORE_EFFECT

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """Attempts and waits; sleep and jitter (0 to 1) are injected so that tests need no time."""

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    attempts: int = ATTEMPTS

    def run(self, work: Callable[[], Result], *, repeat_if: Callable[[BaseException], bool]) -> Result:
        """Do the work, again after errors that `repeat_if` allows; the last error is raised as it is."""
        retrying = Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=self._wait_seconds,
            sleep=self.sleep,
            retry=retry_if_exception(repeat_if),
            before_sleep=_tell,
            reraise=True,
        )
        return retrying(work)

    def _wait_seconds(self, state: RetryCallState) -> float:
        return backoff_seconds(
            state.attempt_number,
            jitter=self.jitter(),
            first=FIRST_WAIT_SECONDS,
            longest=LONGEST_WAIT_SECONDS,
        )


def backoff_seconds(attempt: int, *, jitter: float, first: float, longest: float) -> float:
    """The wait after attempt number `attempt`: twice as long each time, the upper half of it by chance.

    Args:
        jitter: 0 to 1.
    """
    # the exponent is bounded, since somebody may try for weeks
    return min(longest, first * 2 ** min(attempt - 1, 30)) * (0.5 + jitter / 2)


def may_repeat_read(error: BaseException) -> bool:
    """Whether a request that changes nothing is sent again."""
    if isinstance(error, TransportError | OrgUnavailableError):
        return True
    return isinstance(error, SalesforceError) and error.is_retryable


def may_repeat_write(error: BaseException) -> bool:
    """Whether a write is sent again: only where the org cannot have begun it."""
    if isinstance(error, OrgUnavailableError):
        return error.status in REFUSED_BEFORE_EFFECT
    return isinstance(error, UnreachableError | ConcurrencyLimitError)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait_seconds = state.next_action.sleep if state.next_action else 0.0
    _log.info("Attempt %d failed, next in %.1f s: %s", state.attempt_number, wait_seconds, error)
