"""Every way in which a stream of change events can fail, as classes that say whether to open it again.

    StreamError
    ├── StreamInterruptedError       the connection, or the org's side of it, gave way
    ├── StreamSilentError            neither event nor keepalive for longer than the API allows
    ├── StreamUnauthenticatedError   the token is refused: the next stream brings a new one
    ├── StreamThrottledError         the org protects itself, or too many clients are connected
    ├── DeliveryAllocationError      the events that the org delivers in 24 hours are spent
    ├── ReplayIdRefusedError         the position is too old or unknown: changes may be missing
    ├── SchemaUnknownError           the org has no such Avro schema for this user
    └── StreamRefusedError           anything that only a person can mend: a channel, a permission

Nothing that recognises errors in answers belongs here: see `stream_refusal`. Path is the channel, method the
remote procedure, and the org's request id is its `rpc-id`.
"""

from __future__ import annotations

from sf_pipelines.rails.errors import SalesforceError


class StreamError(SalesforceError):
    """A call of the Pub/Sub API that did not do its work."""


class StreamInterruptedError(StreamError):
    """The stream broke; what was stored of it holds."""

    @property
    def is_retryable(self) -> bool:
        """Always: a stream goes on behind the stored position."""
        return True


class StreamSilentError(StreamInterruptedError):
    """The stream is open and tells nothing, not even that there is nothing."""


class StreamUnauthenticatedError(StreamError):
    """The org refused the token."""

    @property
    def is_retryable(self) -> bool:
        """Always: the next call brings a new token."""
        return True


class StreamThrottledError(StreamError):
    """The org wants fewer calls or fewer clients: come back after minutes."""

    @property
    def is_retryable(self) -> bool:
        """Always, after a while."""
        return True


class DeliveryAllocationError(StreamError):
    """The events of the rolling 24 hours are spent: wait for hours, not for seconds."""


class ReplayIdRefusedError(StreamError):
    """The org takes the replay id no more; it gives one code for ids too old and for ids unknown."""


class SchemaUnknownError(StreamError):
    """The org gives no Avro schema for this id."""


class StreamRefusedError(StreamError):
    """The org refuses the channel or the request."""
