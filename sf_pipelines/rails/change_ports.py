"""What workflows ask of a stream of change events: the ports, and the values that cross them.

Beside `ports`, which is about records. Bytes cross these ports, as the bus carries them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sf_pipelines.config.change_settings import StartFrom
from sf_pipelines.config.limits import KEEPALIVE_SECONDS


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedEvent:
    """One event as the bus carries it; the payload is bare Avro of its own schema."""

    replay_id: bytes
    event_id: str
    schema_id: str
    payload: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One answer of a stream; a keepalive has no events.

    Attributes:
        latest_replay_id: of a keepalive, a position behind everything that the channel has told so far.
    """

    events: tuple[ReceivedEvent, ...]
    size_bytes: int
    latest_replay_id: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamBegin:
    """Where a stream begins: behind a replay id, or else at one of the two ends of what the org keeps."""

    replay_id: bytes | None = None
    start_from: StartFrom = StartFrom.EARLIEST


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamLimits:
    """How much of a stream may be in memory, not stored yet, and how long it may be silent.

    Attributes:
        events: asked for or held.
        size_bytes: at which nothing more is asked for; what was asked for before may still come.
    """

    events: int = 2_000
    size_bytes: int = 32 * 1024 * 1024
    silence_seconds: float = KEEPALIVE_SECONDS + 30.0


class ChangeStream(ABC):
    """One open stream of change events."""

    @abstractmethod
    def next(self, timeout_seconds: float) -> Delivery | None:
        """The next answer, None where there is none within the time.

        Raises:
            StreamError: the stream is over; every answer that came before it has been given.
        """

    @abstractmethod
    def release(self, deliveries: Sequence[Delivery]) -> None:
        """Say that answers are stored, so that as many events can be asked for."""

    @abstractmethod
    def close(self) -> None:
        """End the stream."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PubSubPort(ABC):
    """Change events of an org; every method raises a StreamError where the org refuses."""

    @abstractmethod
    def schema(self, schema_id: str) -> str:
        """An Avro schema as JSON text."""

    @abstractmethod
    def subscribe(self, channel: str, begin: StreamBegin, limits: StreamLimits) -> ChangeStream:
        """Open a stream; that it is refused is told by its first `next`."""
