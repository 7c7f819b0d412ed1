"""What a subscriber works with, and what it has done so far."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from sqlalchemy import Engine

from sf_pipelines.config.change_settings import ChangeSettings
from sf_pipelines.ledger.change_verbs import ChangeLedger
from sf_pipelines.ledger.verbs import utc_now
from sf_pipelines.rails.change_ports import PubSubPort, StreamLimits


@dataclass(frozen=True, kw_only=True)
class SubscribeTools:
    """What a subscriber works with.

    Attributes:
        holder: names this process in the ledger.
        stop: set by whoever wants it to end; what has arrived is stored before it does.
        tell: takes sentences for people.
        jitter: 0 to 1, spreads the waits.
        sleep: takes the place of waiting for `stop`.
    """

    pubsub: PubSubPort
    ledger: ChangeLedger
    engine: Engine
    settings: ChangeSettings
    holder: str
    stop: Event = field(default_factory=Event)
    limits: StreamLimits = field(default_factory=StreamLimits)
    tell: Callable[[str], None] = lambda _: None
    now: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], object] | None = None

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the word to stop."""
        (self.sleep or self.stop.wait)(seconds)


@dataclass(kw_only=True)
class SubscriberFigures:
    """What one subscriber has done so far.

    Attributes:
        events: stored, each once; unreadable: those of them that are kept as they came.
        gaps: opened or widened; starts: times that a stream began elsewhere than at the stored position.
        lag_seconds: from the commit in the org to the transaction of the ledger, of the newest event.
    """

    channel: str
    events: int = 0
    unreadable: int = 0
    gaps: int = 0
    starts: int = 0
    reconnects: int = 0
    lag_seconds: float | None = None
