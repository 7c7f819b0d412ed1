"""How the org's Bulk API behaves where a test or a benchmark may choose.

Belongs here: the choices and the documented limits of a batch's time. Imports nothing of the emulator.
"""

from __future__ import annotations

from dataclasses import dataclass

# [D] section 5.4: internal batches, and the DML chunks inside them.
BATCH_ROWS = 10_000
CHUNK_ROWS = 200
# [D] section 5.4.
BATCH_LIMIT_MS = 5 * 60 * 1000
BATCH_RETRIES = 20
# [I] section 10: the v1 guide says ten for a batch; here for a chunk.
LOCK_RETRIES = 10
# [D] section 6.
QUERY_RETRIES = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class BulkSettings:
    """Choices of one org."""

    parallel_batches: int = 1
    """Batches (and jobs) under way at once. With one, no batch ever meets a sibling; with more, siblings
    contend for the rows that they lock."""
    row_ms: float = 0.0
    """Modelled time that the org's automation takes for one row, in milliseconds of the org's clock. It
    counts towards a batch's five minutes and the job's processing times; nothing waits for it."""
    query_ms: float = 0.0
    """Modelled time that one attempt at a query takes; past the batch limit every attempt fails."""
    hard_delete_allowed: bool = True
    """Whether the integration user has the permission "Bulk API Hard Delete"."""
