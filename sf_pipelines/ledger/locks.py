"""One process at a time per sync, and per channel of changes: advisory locks that end with their connection.

A killed process lets go by dying. One that only lost its connection is stopped by the ledger itself: see
`begin_attempt` and `store_change_batch`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from hashlib import blake2b

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from sf_pipelines.ledger.engine import LedgerError, transaction

LOCK_WAIT_SECONDS = 10
"""How long a killed process's connection may take to be noticed by the server."""

_LOCK_NOT_AVAILABLE = "55P03"


class SyncBusyError(LedgerError):
    """Another process works on the sync."""


class ChannelBusyError(LedgerError):
    """Another subscriber reads the channel."""


@contextmanager
def sync_lock(engine: Engine, sync: str, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Generator[None]:
    """Hold the sync; nobody else starts or takes up a run of it meanwhile.

    Raises:
        SyncBusyError: another process holds it, also after the wait.
        LedgerError: the database cannot be reached.
    """
    busy = SyncBusyError(f"Another process works on {sync}: wait for it to end, then run again.")
    with _hold(engine, sync, busy, wait_seconds=wait_seconds):
        yield


@contextmanager
def channel_lock(engine: Engine, channel: str, *, wait_seconds: float) -> Generator[None]:
    """Hold a channel of changes; nobody else reads it meanwhile.

    Raises:
        ChannelBusyError: another subscriber holds it, also after the wait.
        LedgerError: the database cannot be reached.
    """
    busy = ChannelBusyError(f"Another subscriber reads {channel}: stop it, or let this one stand by.")
    with _hold(engine, f"channel {channel}", busy, wait_seconds=wait_seconds):
        yield


@contextmanager
def _hold(engine: Engine, name: str, busy: LedgerError, *, wait_seconds: float) -> Generator[None]:
    with transaction(engine) as probe:
        probe.execute(text("SELECT 1"))
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        try:
            connection.execute(text(f"SET lock_timeout = {int(wait_seconds * 1_000)}"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key(name)})
            connection.execute(text("SET lock_timeout = 0"))
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
                raise LedgerError("The connection to the database was lost: run again.") from error
            raise busy from error
        yield
    finally:
        # the lock belongs to the connection, which must not go back to the pool with it
        with suppress(SQLAlchemyError):
            connection.invalidate()
        with suppress(SQLAlchemyError):
            connection.close()


def is_busy(engine: Engine, sync: str) -> bool:
    """Whether a process works on the sync at this moment.

    Raises:
        LedgerError: the database cannot be reached.
    """
    with transaction(engine) as connection:
        is_free = connection.execute(
            text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _key(sync)}
        ).scalar_one()
    return not is_free


def _key(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)
