"""One channel of change events from the org into the ledger, for as long as it runs.

Exactly one subscriber reads a channel; others stand by and take over. The events of a batch, the gaps that
they open and the position go into one transaction. While the database is away nothing more is asked for, so
what is in memory stays bounded; while the org is away the stream is opened again and again from the stored
position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_when_event_set

from sf_pipelines.ledger.change_verbs import ChannelTakenError
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.locks import ChannelBusyError, channel_lock
from sf_pipelines.rails.errors import SalesforceError
from sf_pipelines.rails.retries import backoff_seconds
from sf_pipelines.rails.stream_errors import (
    DeliveryAllocationError,
    ReplayIdRefusedError,
    StreamThrottledError,
    StreamUnauthenticatedError,
)
from sf_pipelines.workflows.channel_session import ChannelSession
from sf_pipelines.workflows.subscribe_tools import SubscriberFigures, SubscribeTools

STANDBY_SECONDS = 2.0
"""How long one wait for the channel lasts, after which a subscriber that stands by looks whether to stop."""

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
THROTTLED_WAIT_SECONDS = 60.0
ALLOCATION_WAIT_SECONDS = 900.0
"""The rolling 24 hours give a little back all the time, so an hour's wait would be too long."""

MOST_REFUSED_TOKENS = 5
"""So many streams refused one after the other, each with a new token, are no matter of expiry."""

Result = TypeVar("Result")


def subscribe(channel: str, tools: SubscribeTools) -> SubscriberFigures:
    """Read a channel until told to stop; gives what was stored.

    Raises:
        SalesforceError: the org refuses in a way that only a person can mend.
    """
    return Subscriber(channel, tools).run()


class Subscriber:
    """Reads one channel, or stands by for it."""

    def __init__(self, channel: str, tools: SubscribeTools) -> None:
        self._channel = channel
        self._tools = tools
        self._failures = 0
        self._refused_tokens = 0
        self._stands_by = False
        self.figures = SubscriberFigures(channel=channel)

    def run(self) -> SubscriberFigures:
        """Until told to stop; see `subscribe`."""
        while not self._tools.stop.is_set():
            try:
                with channel_lock(self._tools.engine, self._channel, wait_seconds=STANDBY_SECONDS):
                    self._stands_by = False
                    self._read_on()
            except ChannelBusyError:
                self._stand_by()
            except ChannelTakenError as error:
                self._tools.tell(str(error))
            except LedgerError as error:
                self._wait_for_ledger(error)
        return self.figures

    def _stand_by(self) -> None:
        if not self._stands_by:
            self._stands_by = True
            self._tools.tell(f"{self._channel} is read by another subscriber: this one stands by.")

    def _wait_for_ledger(self, error: LedgerError) -> None:
        self._failures += 1
        wait_seconds = self._backoff(self._failures)
        self._tools.tell(f"{error} Trying again in {wait_seconds:.1f} s.")
        self._tools.pause(wait_seconds)

    def _read_on(self) -> None:
        """Hold the channel: open streams, one after the other, until told to stop."""
        session = ChannelSession(self._channel, self._tools, self.figures, self._until_stored)
        session.take()
        retrying = Retrying(
            retry=retry_if_exception(lambda error: self._goes_on(error, session)),
            wait=lambda state: self._wait_seconds(state, session),
            sleep=self._tools.pause,
            stop=stop_when_event_set(self._tools.stop),
            before_sleep=self._tell_of_retry,
            reraise=True,
        )
        try:
            retrying(session.read)
        except SalesforceError as error:
            if not (self._tools.stop.is_set() and _may_open_again(error)):
                raise

    def _goes_on(self, error: BaseException, session: ChannelSession) -> bool:
        """Whether to open the next stream; new tokens that are all refused are for a person to look at."""
        is_refused_again = isinstance(error, StreamUnauthenticatedError) and not session.has_heard
        self._refused_tokens = self._refused_tokens + 1 if is_refused_again else 0
        return _may_open_again(error) and self._refused_tokens < MOST_REFUSED_TOKENS

    def _wait_seconds(self, state: RetryCallState, session: ChannelSession) -> float:
        error = state.outcome.exception() if state.outcome else None
        self._failures = 1 if session.has_heard else self._failures + 1
        if isinstance(error, DeliveryAllocationError):
            return ALLOCATION_WAIT_SECONDS * (0.5 + self._tools.jitter() / 2)
        if isinstance(error, StreamThrottledError):
            return THROTTLED_WAIT_SECONDS * (0.5 + self._tools.jitter() / 2)
        return self._backoff(self._failures)

    def _tell_of_retry(self, state: RetryCallState) -> None:
        self.figures.reconnects += 1
        error = state.outcome.exception() if state.outcome else None
        wait_seconds = state.next_action.sleep if state.next_action else 0.0
        self._tools.tell(f"{error} The stream is opened again in {wait_seconds:.1f} s.")

    def _until_stored(self, write: Callable[[], Result]) -> Result:
        """Write to the ledger, again and again while its database is away.

        Raises:
            LedgerError: it is still away when the subscriber is told to stop; nothing is lost by that.
            ChannelTakenError: another subscriber holds the channel.
        """
        retrying = Retrying(
            retry=retry_if_exception(_is_away),
            wait=lambda state: min(5.0, self._backoff(state.attempt_number)),
            sleep=self._tools.pause,
            stop=stop_when_event_set(self._tools.stop),
            before_sleep=self._tell_of_ledger,
            reraise=True,
        )
        return retrying(write)

    def _tell_of_ledger(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._tools.tell(f"{error} {self._channel} waits, and keeps what has arrived.")

    def _backoff(self, attempt: int) -> float:
        return backoff_seconds(
            attempt, jitter=self._tools.jitter(), first=FIRST_WAIT_SECONDS, longest=LONGEST_WAIT_SECONDS
        )


def _may_open_again(error: BaseException) -> bool:
    if isinstance(error, ReplayIdRefusedError | DeliveryAllocationError):
        return True
    return isinstance(error, SalesforceError) and error.is_retryable


def _is_away(error: BaseException) -> bool:
    return isinstance(error, LedgerError) and not isinstance(error, ChannelTakenError)
