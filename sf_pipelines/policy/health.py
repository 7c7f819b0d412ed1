"""Whether a rail can be trusted with an object now: lock and failure rates, and the circuit breaker. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sf_pipelines.policy.thresholds import Thresholds

LONGEST_COOL_DOWN_FACTOR = 16


class Circuit(StrEnum):
    """`open` lets nothing through, `half_open` lets one run through to probe the rail."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, kw_only=True, slots=True)
class RailHealth:
    """What the last runs of an object on one rail tell.

    Attributes:
        rows_sent: rows that the rates are shares of.
        lock_rate, failure_rate: shares of rows lost to row locks, and lost at all, 0 to 1.
        failures_in_a_row: newest runs that the rail itself broke off, not counting rejected rows.
        last_failed_at: end of the newest of them.
        is_probed: a run on the rail is under way since then.
    """

    rows_sent: int = 0
    lock_rate: float = 0.0
    failure_rate: float = 0.0
    failures_in_a_row: int = 0
    last_failed_at: datetime | None = None
    is_probed: bool = False

    def circuit(self, thresholds: Thresholds, now: datetime) -> Circuit:
        """The state of the rail's circuit breaker."""
        retry_at = self.retry_at(thresholds)
        if retry_at is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < retry_at or self.is_probed else Circuit.HALF_OPEN

    def retry_at(self, thresholds: Thresholds) -> datetime | None:
        """When the rail may be probed, None while its circuit is closed."""
        beyond = self.failures_in_a_row - int(thresholds.circuit_failures)
        if beyond < 0 or self.last_failed_at is None:
            return None
        factor = min(2 ** min(beyond, 10), LONGEST_COOL_DOWN_FACTOR)
        return self.last_failed_at + timedelta(seconds=thresholds.circuit_cool_down_seconds * factor)


UNKNOWN_HEALTH = RailHealth()
"""A rail that has carried nothing yet is trusted."""
