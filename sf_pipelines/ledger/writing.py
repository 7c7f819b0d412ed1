"""What every verb of the ledger is made of: one row in, one run looked at and held."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, insert, select, update

from sf_pipelines.ledger import tables
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.tables import UNFINISHED


def insert_row(connection: Connection, table: Table, **values: Any) -> None:
    """One row."""
    connection.execute(insert(table).values(**values))


def read_run(connection: Connection, run_id: UUID, *, lock: bool = False) -> Any:
    """State, sync and attempts of a run; a lock keeps others from ending it within this transaction.

    Raises:
        LedgerError: there is no such run.
    """
    table = tables.sync_run
    query = select(table.c.state, table.c.sync, table.c.attempts).where(table.c.id == run_id)
    run = connection.execute(query.with_for_update(key_share=True) if lock else query).one_or_none()
    if run is None:
        raise LedgerError(f"The ledger has no run {run_id}: start it first.")
    return run


def require_running(connection: Connection, run_id: UUID, *, attempt: int | None = None) -> Any:
    """The run, held until the transaction ends.

    Args:
        attempt: of the process that asks, where it is about to change the org.

    Raises:
        LedgerError: the run is over, or another process has taken it up.
    """
    run = read_run(connection, run_id, lock=True)
    if run.state != "running":
        mend = "take it up first" if run.state in UNFINISHED else "start a new one"
        over = "not at work" if run.state in UNFINISHED else "over"
        raise LedgerError(f"Run {run_id} of {run.sync} is {over} ({run.state}): {mend}.")
    if attempt is not None and attempt != run.attempts:
        raise LedgerError(
            f"Run {run_id} of {run.sync} was taken up by another process (attempt {run.attempts}, this is "
            f"attempt {attempt}): leave it to that one."
        )
    return run


def end_attempt(
    connection: Connection,
    run_id: UUID,
    attempt: int,
    now: datetime,
    *,
    error: str | None,
    rail_failed: bool | None,
) -> None:
    """Note when a process let go of a run, and why.

    Args:
        rail_failed: whether the rail broke it off; None where something else did, which tells nothing of it.
    """
    table = tables.run_attempt
    connection.execute(
        update(table)
        .where(table.c.run_id == run_id, table.c.attempt == attempt)
        .values(ended_at=now, error=error, rail_failed=rail_failed)
    )
