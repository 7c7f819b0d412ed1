"""The log of changes in the org's database: written rows, transactions, shapes.

A row of the log is one image of one record: of its state before an update, or after a change. Triggers write
them (capture.py), so that nothing is missed that writes records, and an undone transaction leaves none.
Belongs here: SQL of these tables. Not here: what the rows mean (events.py). Imports replay, shapes, store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.changes import replay
from sf_pipelines.emulator.changes.shapes import EventShape
from sf_pipelines.emulator.store import Store, quoted

ROW, TRANSACTION, SHAPE = '"event$row"', '"event$transaction"', '"event$shape"'
MARKED, STATE = '"event$marked"', '"event$state"'
HEAD_COLUMNS = 4
"""row, shape, kind, id; the values of the shape's leaves follow."""
BEFORE, MARK, WILDCARD = "BEFORE", "MARK", "WILDCARD"
"""Kinds of rows beside the change types: the image before an update, a place without an event, a loss of
the values of all records."""
_CREATE = f"""
CREATE TABLE IF NOT EXISTS {ROW} ("row" INTEGER PRIMARY KEY AUTOINCREMENT, "shape" INTEGER, "kind" TEXT,
    "id" TEXT);
CREATE TABLE IF NOT EXISTS {TRANSACTION} ("last" INTEGER PRIMARY KEY, "first" INTEGER, "committed_ms" INTEGER,
    "user_id" TEXT, "origin" TEXT, "rows_per_part" INTEGER, "overflow_at" INTEGER,
    "diff_chars" INTEGER);
CREATE TABLE IF NOT EXISTS {SHAPE} ("number" INTEGER PRIMARY KEY, "sobject" TEXT, "schema_json" TEXT);
CREATE TABLE IF NOT EXISTS {MARKED} ("number" INTEGER PRIMARY KEY, "mark" TEXT);
CREATE TABLE IF NOT EXISTS {STATE} ("name" TEXT PRIMARY KEY, "value" INTEGER);
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedTransaction:
    """One committed transaction: its rows in the log, both ends included, and what its events share."""

    last: int
    first: int
    committed_ms: int
    user_id: str
    origin: str
    rows_per_part: int | None
    """The org commits after so many records; None: all of them are one transaction."""
    overflow_at: int
    """More changes than this overflow."""
    diff_chars: int
    """Changed texts of that length or more are told as diffs."""


class EventTables:
    """The tables. Methods that read or write take the store's lock."""

    def __init__(self, store: Store) -> None:
        """Make the tables that are missing."""
        self._store = store
        self.prepare()

    def prepare(self) -> None:
        """Make the tables that are missing, after the database was made or replaced."""
        for statement in _CREATE.split(";"):
            self._store.execute(statement)
        names = [row[1] for row in self._store.execute(f"PRAGMA table_info({ROW})")]
        self._width = len(names) - HEAD_COLUMNS

    def columns(self, count: int) -> str:
        """The first `count` value columns, made where they are missing."""
        for number in range(self._width, count):
            self._store.execute(f'ALTER TABLE {ROW} ADD COLUMN "v{number}"')
            self._width = number + 1
        return "".join(f', "v{number}"' for number in range(count))

    def last_row(self) -> int:
        """The last row that was written."""
        [(last,)] = self._store.execute(f'SELECT ifnull(max("row"), 0) FROM {ROW}')
        return last

    def add_row(self, kind: str, shape: int | None = None, id_: str | None = None) -> None:
        """Write a row without values."""
        self._store.execute(f'INSERT INTO {ROW} ("shape", "kind", "id") VALUES (?, ?, ?)', (shape, kind, id_))

    def add_transaction(self, entry: LoggedTransaction) -> None:
        """Write down a transaction that is about to be committed."""
        values = tuple(getattr(entry, name) for name in entry.__slots__)
        self._store.execute(f"INSERT INTO {TRANSACTION} VALUES ({','.join('?' * len(values))})", values)

    def transactions(self, from_row: int, count: int) -> list[LoggedTransaction]:
        """The next transactions, the one of row `from_row` included."""
        names = LoggedTransaction.__slots__
        select = f"SELECT {', '.join(map(quoted, names))} FROM {TRANSACTION}"
        rows = self._store.execute(f'{select} WHERE "last" >= ? ORDER BY "last" LIMIT ?', (from_row, count))
        return [LoggedTransaction(**dict(zip(names, row, strict=True))) for row in rows]

    def rows(self, first: int, last: int) -> list[Sequence[Any]]:
        """The rows of the log from `first` to `last`, both included."""
        return self._store.execute(
            f'SELECT * FROM {ROW} WHERE "row" BETWEEN ? AND ? ORDER BY "row"', (first, last)
        )

    def has_row(self, row: int) -> bool:
        """True while the log holds that row."""
        return bool(self._store.execute(f'SELECT 1 FROM {ROW} WHERE "row" = ?', (row,)))

    def add_marked(self, number: int, mark: str) -> None:
        """Keep what becomes of an event."""
        self._store.execute(f"INSERT OR REPLACE INTO {MARKED} VALUES (?, ?)", (number, mark))

    def marked(self, first: int, last: int) -> dict[int, str]:
        """The marked events of a run of numbers, both ends included."""
        select = f'SELECT "number", "mark" FROM {MARKED} WHERE "number" BETWEEN ? AND ?'
        return dict(self._store.execute(select, (first, last)))

    def shapes(self) -> dict[int, EventShape]:
        """Every shape that rows may have."""
        rows = self._store.execute(f'SELECT "number", "sobject", "schema_json" FROM {SHAPE}')
        return {number: EventShape(sobject, schema_json) for number, sobject, schema_json in rows}

    def add_shape(self, shape: EventShape) -> int:
        """Keep a shape; its number."""
        self._store.execute(
            f'INSERT INTO {SHAPE} ("sobject", "schema_json") VALUES (?, ?)',
            (shape.sobject, shape.schema_json),
        )
        [(number,)] = self._store.execute("SELECT last_insert_rowid()")
        return number

    def forget_before(self, epoch_ms: int) -> int:
        """Remove the transactions that were committed before that time; the number of rows removed."""
        [(last,)] = self._store.execute(
            f'SELECT ifnull(max("last"), 0) FROM {TRANSACTION} WHERE "committed_ms" < ?', (epoch_ms,)
        )
        if last:
            self._store.execute(f'DELETE FROM {TRANSACTION} WHERE "last" <= ?', (last,))
            self._store.execute(f'DELETE FROM {ROW} WHERE "row" <= ?', (last,))
            self._store.execute(f'DELETE FROM {MARKED} WHERE "number" < ?', (replay.to_number(last + 1),))
        return last

    def state(self, name: str) -> int:
        """A number that is kept with the log; 0 when it isn't there."""
        rows = self._store.execute(f'SELECT "value" FROM {STATE} WHERE "name" = ?', (name,))
        return rows[0][0] if rows else 0

    def put_state(self, name: str, value: int) -> None:
        """Keep a number with the log."""
        self._store.execute(f"INSERT OR REPLACE INTO {STATE} VALUES (?, ?)", (name, value))

    def clear(self) -> None:
        """Remove all rows and transactions, and count rows from 1 again."""
        for table in (ROW, TRANSACTION, MARKED):
            self._store.execute(f"DELETE FROM {table}")
        self._store.execute("DELETE FROM sqlite_sequence WHERE name = ?", (ROW.strip('"'),))
