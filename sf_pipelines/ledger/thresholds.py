"""The thresholds of the rail policy in the ledger: the newest value of each is in force, all are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Engine, func, insert, select

from sf_pipelines.ledger.engine import LedgerError, transaction
from sf_pipelines.ledger.quota_tables import threshold
from sf_pipelines.ledger.verbs import utc_now
from sf_pipelines.policy.knobs import KNOBS, ThresholdError, thresholds_of
from sf_pipelines.policy.thresholds import Thresholds

THRESHOLD_LOCK = 0x5F_7401
"""Key of the advisory lock under which is set, so that two people never agree on a contradiction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThresholdChange:
    """One value, who set it, when and why."""

    name: str
    value: float
    set_at: datetime
    set_by: str
    reason: str


def read_thresholds(connection: Connection) -> Thresholds:
    """The thresholds in force, defaults where none was ever set.

    Raises:
        LedgerError: stored values contradict each other, which only another release can have done.
    """
    stored = {change.name: change.value for change in _in_force(connection)}
    try:
        return thresholds_of({name: value for name, value in stored.items() if name in KNOBS})
    except ThresholdError as error:
        raise LedgerError(f"The stored thresholds cannot be in force: {error}") from error


def current_thresholds(engine: Engine) -> Thresholds:
    """The thresholds in force now."""
    with transaction(engine) as connection:
        return read_thresholds(connection)


def changes_in_force(engine: Engine) -> dict[str, ThresholdChange]:
    """The newest change of each threshold that was ever set."""
    with transaction(engine) as connection:
        return {change.name: change for change in _in_force(connection)}


def set_thresholds(
    engine: Engine,
    values: Mapping[str, float],
    *,
    set_by: str,
    reason: str,
    clock: Callable[[], datetime] = utc_now,
) -> Thresholds:
    """Set some thresholds at once; they hold from the next decision on.

    Raises:
        ThresholdError: a name, a bound, a contradiction, or no word about who and why; nothing is set.
    """
    if not reason.strip() or not set_by.strip():
        raise ThresholdError("A threshold is set with a reason and by somebody: give both.")
    if not values:
        raise ThresholdError("No threshold is named: give at least one, as name=value.")
    with transaction(engine) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(THRESHOLD_LOCK)))
        before = {change.name: change.value for change in _in_force(connection)}
        thresholds = thresholds_of(before | dict(values))
        told = {"set_at": clock(), "set_by": set_by.strip(), "reason": reason.strip()}
        rows = [{"name": name, "value": float(value)} | told for name, value in values.items()]
        connection.execute(insert(threshold), rows)
    return thresholds


def threshold_history(engine: Engine, *, name: str | None = None, limit: int = 50) -> list[ThresholdChange]:
    """Changes of one threshold or of all, the newest first."""
    statement = select(*_columns()).order_by(threshold.c.id.desc()).limit(limit)
    if name is not None:
        statement = statement.where(threshold.c.name == name)
    with transaction(engine) as connection:
        return [ThresholdChange(**row) for row in connection.execute(statement).mappings()]


def _in_force(connection: Connection) -> list[ThresholdChange]:
    table = threshold.c
    statement = select(*_columns()).distinct(table.name).order_by(table.name, table.id.desc())
    return [ThresholdChange(**row) for row in connection.execute(statement).mappings()]


def _columns() -> list[Column[Any]]:
    return [threshold.c[name] for name in ThresholdChange.__dataclass_fields__]
