"""One process at a time per sync: a PostgreSQL advisory lock that ends with its connection.

A killed process lets go by dying. One that only lost its connection is stopped by the ledger itself: see
`begin_attempt`.
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


@contextmanager
def sync_lock(engine: Engine, sync: str, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Generator[None]:
    """Hold the sync; nobody else starts or takes up a run of it meanwhile.

    Raises:
        SyncBusyError: another process holds it, also after the wait.
        LedgerError: the database cannot be reached.
    """
    key = _key(sync)
    with transaction(engine) as probe:
        probe.execute(text("SELECT 1"))
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        try:
            connection.execute(text(f"SET lock_timeout = {int(wait_seconds * 1_000)}"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            connection.execute(text("SET lock_timeout = 0"))
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
                raise LedgerError("The connection to the database was lost: run again.") from error
            raise SyncBusyError(
                f"Another process works on {sync}: wait for it to end, then run again."
            ) from error
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


def _key(sync: str) -> int:
    return int.from_bytes(blake2b(sync.encode(), digest_size=8).digest(), signed=True)
