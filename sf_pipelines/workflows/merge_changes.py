"""Stored change events into `raw.<object>`: whole transactions, in commit order, each event exactly once.

One database transaction holds the merge, the note that its events are merged, and the gaps that it finds.
What an event carries is written and nothing else. Needs no org.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from sf_pipelines.lake import change_merge
from sf_pipelines.lake.change_columns import column_types
from sf_pipelines.lake.raw_tables import (
    BOOKKEEPING,
    SCHEMA,
    create_table,
    literal,
    select_columns,
    table_name,
)
from sf_pipelines.ledger.change_queries import schema_of
from sf_pipelines.ledger.change_staging import StagedChanges, mark_staged, stage_changes
from sf_pipelines.ledger.engine import transaction
from sf_pipelines.ledger.gap_verbs import has_whole_gap, put_gap
from sf_pipelines.ledger.verbs import utc_now
from sf_pipelines.model.change import EventLeaf
from sf_pipelines.model.gap import Gap, GapCause
from sf_pipelines.rails.event_leaves import read_leaves
from sf_pipelines.rails.wire import CLIENT_NAME

BATCH_EVENTS = 20_000
"""Events of one transaction: some seconds of work, and memory of the database only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeMerge:
    """What merging stored events did.

    Attributes:
        events: merged or found to be older than the table; each is counted once.
        rows_updated: rows of the table that are newer now, rows_deleted among them.
        records_in_doubt: records that need a repair: the table lacks them, or a value came as a diff.
        newest_commit: of the events, None where there were none.
        columns_added: columns that the stream brought.
    """

    events: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0
    records_in_doubt: int = 0
    newest_commit: datetime | None = None
    columns_added: tuple[str, ...] = ()

    def __add__(self, other: ChangeMerge) -> ChangeMerge:
        commits = [moment for moment in (self.newest_commit, other.newest_commit) if moment is not None]
        return ChangeMerge(
            events=self.events + other.events,
            rows_inserted=self.rows_inserted + other.rows_inserted,
            rows_updated=self.rows_updated + other.rows_updated,
            rows_deleted=self.rows_deleted + other.rows_deleted,
            records_in_doubt=self.records_in_doubt + other.records_in_doubt,
            newest_commit=max(commits, default=None),
            columns_added=(*self.columns_added, *other.columns_added),
        )


def merge_changes(
    engine: Engine,
    sobject: str,
    channel: str,
    *,
    batch_events: int = BATCH_EVENTS,
    clock: Callable[[], datetime] = utc_now,
) -> ChangeMerge:
    """Merge all events of an object that are stored and not merged yet.

    Args:
        channel: where gaps that the merge finds belong.

    Raises:
        LedgerError: the database cannot be used; what was not committed is merged by the next call.
        WarehouseError: the table has a column of a type that no event has.
    """
    total = ChangeMerge()
    while True:
        with transaction(engine) as connection:
            done = merge_batch(connection, sobject, channel, limit=batch_events, now=clock())
        total += done
        if done.events < batch_events:
            return total


def merge_batch(
    connection: Connection, sobject: str, channel: str, *, limit: int, now: datetime
) -> ChangeMerge:
    """Merge up to so many events, and the rest of the last transaction, within the caller's transaction."""
    run_sql(connection, change_merge.lock_name(sobject))
    staged = stage_changes(connection, sobject, limit=limit)
    if not staged.events:
        return ChangeMerge()
    leaves = _leaves(connection, staged)
    present, added = shape_table(connection, sobject, leaves)
    run_sql(connection, change_merge.lock_table(sobject))
    run_sql(connection, "ANALYZE pg_temp.due_change")
    run_sql(connection, change_merge.explode(sobject))
    run_sql(connection, change_merge.MERGE_VALUES)
    run_sql(connection, change_merge.fold(CLIENT_NAME))
    run_sql(connection, "ANALYZE pg_temp.folded")
    inserted, deleted, unknown, with_diff = run_sql(connection, change_merge.count_rows(sobject)).one()
    written = run_sql(connection, change_merge.merge(sobject, leaves, present)).rowcount
    in_doubt = _open_gap(connection, sobject, channel, unknown, with_diff, now)
    mark_staged(connection, applied_at=now)
    return ChangeMerge(
        events=staged.events,
        rows_inserted=inserted,
        rows_updated=written - inserted,
        rows_deleted=deleted,
        records_in_doubt=in_doubt,
        newest_commit=staged.newest_commit,
        columns_added=added,
    )


def shape_table(
    connection: Connection, sobject: str, leaves: Sequence[EventLeaf]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Make or widen the table as events need it; gives its columns, and those that are new in it."""
    run_sql(connection, f"SELECT pg_advisory_xact_lock(hashtext({literal(SCHEMA)}))")
    run_sql(connection, f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    existed = bool(_columns(connection, sobject))
    run_sql(connection, create_table(sobject))
    present = _columns(connection, sobject)
    needed = {**BOOKKEEPING, **change_merge.OWN_COLUMNS, **column_types(leaves, present)}
    missing = {name: kind for name, kind in needed.items() if name not in present}
    for name, kind in missing.items():
        for statement in change_merge.add_column(sobject, name, kind):
            run_sql(connection, statement)
    told = tuple(name for name in missing if existed and name not in BOOKKEEPING)
    return present | missing, told


def run_sql(connection: Connection, statement: str) -> Any:
    """A statement that is whole as it is: per cent signs and colons in it mean themselves."""
    return connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _columns(connection: Connection, sobject: str) -> dict[str, str]:
    return dict(run_sql(connection, select_columns(sobject)).tuples().all())


def _leaves(connection: Connection, staged: StagedChanges) -> list[EventLeaf]:
    """What the events can carry; of two schemas, the fields of both."""
    leaves: dict[str, EventLeaf] = {}
    for schema_id in staged.schema_ids:
        for leaf in read_leaves(schema_of(connection, schema_id)):
            leaves.setdefault(leaf.name, leaf)
    return list(leaves.values())


def _open_gap(
    connection: Connection,
    sobject: str,
    channel: str,
    unknown: Sequence[str],
    with_diff: Sequence[str],
    now: datetime,
) -> int:
    """A gap of the records that the events alone do not bring to their newest state; gives how many."""
    if unknown and has_whole_gap(connection, sobject):
        unknown = ()  # its repair reads them, and has later changes of them merged again
    in_doubt = tuple(sorted({*unknown, *with_diff}))
    if not in_doubt:
        return 0
    why = [
        f"{len(unknown):,} of them are not in {table_name(sobject)}" if unknown else "",
        f"{len(with_diff):,} have a long text that came as a diff" if with_diff else "",
    ]
    gap = Gap(
        channel=channel,
        sobject=sobject,
        cause=GapCause.COUNT_DISAGREES if unknown else GapCause.GAP_EVENT,
        from_timestamp=None,
        to_timestamp=now,
        record_ids=in_doubt,
        detail=f"Changes of {len(in_doubt):,} records of {sobject} have to be read from the org: "
        f"{' and '.join(filter(None, why))}.",
    )
    put_gap(connection, gap, now=now)
    return len(in_doubt)
