"""The pace that throttled runs share, on however many machines they are: a token bucket in PostgreSQL.

Tokens may be owed: who takes one that is not there yet learns how long to wait for it, so that callers
are served in turn and nobody asks twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, text

from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.verbs import utc_now

BURST = 1.0
"""Calls that may be made at once after a pause: a pace is kept, not saved up."""

_TAKE = text(
    """
    INSERT INTO ledger.token_bucket AS bucket (name, tokens, per_minute, filled_at)
    VALUES (:name, :burst - :calls, :pace, :now)
    ON CONFLICT (name) DO UPDATE SET
        tokens = least(
            :burst,
            bucket.tokens
            + greatest(0, extract(epoch FROM :now - bucket.filled_at)) / 60 * excluded.per_minute
        ) - :calls,
        per_minute = excluded.per_minute,
        filled_at = greatest(bucket.filled_at, excluded.filled_at)
    RETURNING tokens
    """
)


def take(
    engine: Engine,
    name: str,
    *,
    calls_per_minute: float,
    calls: int = 1,
    clock: Callable[[], datetime] = utc_now,
) -> float:
    """Take tokens for calls, and return the seconds to wait before making them.

    Args:
        calls_per_minute: the pace from now on, above 0, shared by all who take from the bucket.

    Raises:
        ValueError: the pace is not above 0.
        LedgerError: the database cannot be reached.
    """
    if not calls_per_minute > 0:
        raise ValueError(f"A pace of {calls_per_minute} calls a minute never ends: give one above 0.")
    values = {"name": name, "burst": BURST, "calls": calls, "pace": calls_per_minute, "now": clock()}
    with transaction(engine) as connection:
        tokens = float(connection.execute(_TAKE, values).scalar_one())
    return max(0.0, -tokens) / calls_per_minute * 60
