"""How long each rail takes: documented priors, to be replaced by what the ledger has learned.

Figures only, no choice. Seconds and rows per second of one object on one rail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.policy.health import UNKNOWN_HEALTH, RailHealth


@dataclass(frozen=True, kw_only=True, slots=True)
class Performance:
    """Speed of one rail in one direction.

    Attributes:
        setup_seconds: from the first call until rows move (a Bulk job waits in the org's queue).
        call_seconds: one round trip.
        rows_per_second: steady speed once rows move.
    """

    setup_seconds: float
    call_seconds: float
    rows_per_second: float


PRIORS: Mapping[tuple[Rail, Direction], Performance] = {
    # A 200-row Collections call with ordinary triggers takes about a second: 0.2 s round trip, 4 ms a row.
    (Rail.REST, Direction.LOAD): Performance(setup_seconds=0.0, call_seconds=0.2, rows_per_second=250.0),
    # Queueing, then 10,000-row batches in parallel.
    (Rail.BULK, Direction.LOAD): Performance(setup_seconds=10.0, call_seconds=0.2, rows_per_second=1_000.0),
    # A 2,000-row page takes somewhat under a second.
    (Rail.REST, Direction.EXTRACT): Performance(setup_seconds=0.0, call_seconds=0.2, rows_per_second=3_000.0),
    (Rail.BULK, Direction.EXTRACT): Performance(
        setup_seconds=10.0, call_seconds=0.2, rows_per_second=20_000.0
    ),
    # Events come within seconds of the commit.
    (Rail.CDC, Direction.EXTRACT): Performance(setup_seconds=2.0, call_seconds=0.0, rows_per_second=1_000.0),
}
"""Cold-start figures: conservative readings of public reports, the same for every object."""


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What past runs of an object teach; a rail that is not named falls back to its prior.

    Attributes:
        learned: speeds; health: what can be trusted now.
    """

    learned: Mapping[tuple[Rail, Direction], Performance] = field(
        default_factory=dict[tuple[Rail, Direction], Performance]
    )
    health: Mapping[tuple[Rail, Direction], RailHealth] = field(
        default_factory=dict[tuple[Rail, Direction], RailHealth]
    )

    def of(self, rail: Rail, direction: Direction) -> Performance:
        """The speed to reckon with."""
        return self.learned.get((rail, direction)) or PRIORS[rail, direction]

    def health_of(self, rail: Rail, direction: Direction) -> RailHealth:
        """What the last runs on a rail tell."""
        return self.health.get((rail, direction), UNKNOWN_HEALTH)
