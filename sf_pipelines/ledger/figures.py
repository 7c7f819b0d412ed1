"""The ledger in numbers, for whoever watches: counted when they are asked for, so that they are its truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, case, func, select

from sf_pipelines.ledger.change_tables import gap, replay_position
from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.failure_verbs import is_open
from sf_pipelines.ledger.notice_tables import notice
from sf_pipelines.ledger.quota import read_headroom
from sf_pipelines.ledger.tables import failed_record, sync_run
from sf_pipelines.model.headroom import WATCHED_BUDGETS, Headroom
from sf_pipelines.model.outcome import VerdictState

_SUMMED = ("submitted", "succeeded", "failed", "unprocessed", "api_calls")
_GREEN = tuple(state.value for state in VerdictState if state.is_green)


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncFigures:
    """All runs of a sync together.

    Attributes:
        runs: by state.
        last_green_at: end of its newest run that ended green, None before the first.
    """

    sync: str
    runs: Mapping[str, int]
    submitted: int
    succeeded: int
    failed: int
    unprocessed: int
    api_calls: int
    last_green_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerFigures:
    """What the ledger counts at one moment.

    Attributes:
        open_failures: failed records that wait, by sync and class.
        open_gaps: gaps of change streams that are not repaired, by channel.
        heard_at: when the stream of each channel last told where it stands.
        notices_waiting: notices that are not sent.
    """

    syncs: Sequence[SyncFigures]
    open_failures: Mapping[tuple[str, str], int]
    headroom: Headroom
    open_gaps: Mapping[str, int]
    heard_at: Mapping[str, datetime]
    notices_waiting: int


def read_figures(engine: Engine, now: datetime) -> LedgerFigures:
    """One consistent look.

    Raises:
        LedgerError: the database cannot be reached, or holds no ledger.
    """
    with transaction(engine) as connection:
        return LedgerFigures(
            syncs=_syncs(connection),
            open_failures=_open_failures(connection),
            headroom=read_headroom(connection, WATCHED_BUDGETS, now),
            open_gaps=_pairs(
                connection,
                select(gap.c.channel, func.count())
                .where(gap.c.repair_state != "closed")
                .group_by(gap.c.channel),
            ),
            heard_at=_pairs(
                connection,
                select(replay_position.c.channel, replay_position.c.updated_at).where(
                    replay_position.c.updated_at.is_not(None)
                ),
            ),
            notices_waiting=connection.execute(
                select(func.count()).where(notice.c.sent_at.is_(None))
            ).scalar_one(),
        )


def _syncs(connection: Connection) -> list[SyncFigures]:
    run = sync_run.c
    counted = select(run.sync, run.state, func.count()).group_by(run.sync, run.state)
    states: dict[str, dict[str, int]] = {}
    for sync, state, count in connection.execute(counted):
        states.setdefault(sync, {})[state] = count
    summed = (
        select(
            run.sync,
            *(func.sum(run[name]).label(name) for name in _SUMMED),
            func.max(case((run.state.in_(_GREEN), run.finished_at))).label("last_green_at"),
        )
        .group_by(run.sync)
        .order_by(run.sync)
    )
    rows = connection.execute(summed).mappings()
    return [
        SyncFigures(
            sync=row["sync"],
            runs=states[row["sync"]],
            last_green_at=row["last_green_at"],
            **{name: int(row[name]) for name in _SUMMED},
        )
        for row in rows
    ]


def _open_failures(connection: Connection) -> dict[tuple[str, str], int]:
    kind = func.coalesce(failed_record.c["class"], "none")
    statement = (
        select(failed_record.c.sync, kind, func.count()).where(is_open()).group_by(failed_record.c.sync, kind)
    )
    return {(sync, name): count for sync, name, count in connection.execute(statement)}


def _pairs(connection: Connection, statement: Any) -> dict[str, Any]:
    return {name: value for name, value in connection.execute(statement)}
