"""The org's rows in SQLite: connection, transactions, tables made from the schema, set-based look-ups.

One table for each object (schema/columns.py); `row` is SQLite's row id.
Belongs here: SQL that knows no Salesforce rule. Not here: validation (dml/), SOQL (soql/).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from threading import RLock
from typing import Any, Protocol

from sf_pipelines.emulator.schema.columns import (
    has_key_column,
    key_column,
    quoted,
    table_columns,
    table_indexes,
)
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema, OrgSchema
from sf_pipelines.emulator.storage import StorageMeter

__all__ = [
    "LocksOfTransaction",
    "Store",
    "Transaction",
    "fold",
    "has_key_column",
    "key_column",
    "normal",
    "quoted",
]

_CHUNK = 2000
_IN_CHUNK = "(" + ",".join("?" * _CHUNK) + ")"
_CACHED_STATEMENTS = 512
# Beyond a hundred rows a statement there is nothing more to gain; variables are those of SQLite's default.
_ROWS_AT_ONCE = 100
_MAX_VARIABLES = 32_766
_COUNTER = "ids."


def fold(field: FieldSchema, value: Any) -> Any:
    """`value` as the key column holds it: case-folded text unless the field is case-sensitive.

    Null, and the ABSENT of a row that failed, stay what they are.
    """
    return value.casefold() if value and has_key_column(field) and not field.case_sensitive else value


def fold_column(field: FieldSchema, values: Sequence[Any]) -> Sequence[Any]:
    """`fold` of each value of a column."""
    if not has_key_column(field) or field.case_sensitive:
        return values
    try:
        return list(map(str.casefold, values))
    except TypeError:  # null or ABSENT is among them
        return [fold(field, value) for value in values]


class LocksOfTransaction(Protocol):
    """What the store knows of row locks: that a transaction may carry them (locking/)."""

    def need(self, sobject: str, ids_of_rows: Sequence[Sequence[str]]) -> list[list[str]]:
        """For each row of a write with the ids it locks, the ids that it can't have."""
        ...


class Transaction:
    """A running transaction of the store."""

    def __init__(self, *, is_nested: bool = False) -> None:
        self.is_rolled_back = False
        self.is_nested = is_nested
        self.locks: LocksOfTransaction | None = None
        """The row locks to note and to ask; None when nothing can be locked."""

    def rollback(self) -> None:
        """Undo everything that the transaction has done, when its block ends."""
        self.is_rolled_back = True


class Store:
    """One SQLite database with one connection behind a re-entrant lock."""

    def __init__(self, path: str, schema: OrgSchema) -> None:
        """Open or create the database at `path` (or ":memory:") with a table for each object of `schema`."""
        self.lock = RLock()
        self.schema = schema
        self._depth = 0
        self._outermost: Transaction | None = None
        self.before_commit: Callable[[], bool] | None = None
        """Called inside each outermost transaction, before it is committed; true: there is news to tell."""
        self.after_commit: Callable[[], object] | None = None
        """Called after a transaction with news, without the lock."""
        self.storage = StorageMeter(self.count_live_rows)
        self._db = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, cached_statements=_CACHED_STATEMENTS
        )
        self._db.create_function("sf_fold", 1, _sql_fold, deterministic=True)
        self._db.create_function("sf_normal", 1, normal, deterministic=True)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-65536"):
            self._db.execute(f"PRAGMA {pragma}")
        self._prepare()

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """Run one statement and return all its rows."""
        with self.lock:
            return self._db.execute(sql, parameters).fetchall()

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of parameters."""
        with self.lock:
            self._db.executemany(sql, rows)

    def insert_rows(
        self, table: str, *, constants: Mapping[str, Any], columns: Mapping[str, Sequence[Any]]
    ) -> None:
        """Insert rows that have the values of `columns`; all of them get `constants` too."""
        self._write_rows(table, constants, columns)

    def update_rows(
        self,
        table: str,
        *,
        row_numbers: Sequence[int],
        constants: Mapping[str, Any],
        columns: Mapping[str, Sequence[Any]],
    ) -> None:
        """Give the existing rows of `row_numbers` the values of `columns`, and all of them `constants`.

        An insert that always meets the row: an UPDATE can't take many rows' values in one statement.
        """
        changes = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in (*constants, *columns))
        conflict = f' ON CONFLICT ("row") DO UPDATE SET {changes}'
        self._write_rows(table, constants, {"row": row_numbers, **columns}, conflict)

    def _write_rows(
        self, table: str, constants: Mapping[str, Any], columns: Mapping[str, Sequence[Any]], tail: str = ""
    ) -> None:
        """INSERT many rows a statement: what one costs besides is nearly as much as a row."""
        shared, lists = list(constants.values()), list(columns.values())
        row = ",".join([*(f"?{number}" for number in range(1, len(shared) + 1)), *"?" * len(lists)])
        insert = f"INSERT INTO {quoted(table)} ({', '.join(map(quoted, (*constants, *columns)))}) VALUES "
        at_once = max(1, min(_ROWS_AT_ONCE, (_MAX_VARIABLES - len(shared)) // len(lists)))
        rows = len(lists[0])
        whole = rows // at_once * at_once
        for first, end, size in ((0, whole, at_once), (whole, rows, 1)):
            statement = insert + ",".join([f"({row})"] * size) + tail
            blocks = (_row_by_row(lists, at, at + size) for at in range(first, end, size))
            self.execute_many(statement, (shared + block for block in blocks))

    def column(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """The first column of a statement's rows, one value at a time. Hold the lock while reading."""
        return (row[0] for row in self._db.execute(sql, parameters))

    @contextmanager
    def transaction(self) -> Generator[Transaction, None, None]:
        """Hold the lock and one transaction: commit at the end, roll back on any exception.

        Inside another transaction of the same thread it is a savepoint of that one.
        """
        has_news = False
        with self.lock:
            transaction = Transaction(is_nested=self._depth > 0)
            if not transaction.is_nested:
                self._outermost = transaction
            self._db.execute(f"SAVEPOINT s{self._depth}" if self._depth else "BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield transaction
            except BaseException:
                transaction.rollback()
                raise
            finally:
                self._depth -= 1
                has_news = self._end(transaction)
        if has_news and self.after_commit is not None:
            self.after_commit()

    @property
    def locks(self) -> LocksOfTransaction | None:
        """The row locks of the running transaction."""
        return self._outermost.locks if self._outermost is not None else None

    def _end(self, transaction: Transaction) -> bool:
        if self._depth == 0:
            self._outermost = None
            return self._end_outermost(transaction)
        if transaction.is_rolled_back:
            self._db.execute(f"ROLLBACK TO s{self._depth}")
        self._db.execute(f"RELEASE s{self._depth}")
        return False

    def _end_outermost(self, transaction: Transaction) -> bool:
        if transaction.is_rolled_back:
            self._db.execute("ROLLBACK")
            return False
        try:
            has_news = self.before_commit is not None and self.before_commit()
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        return has_news

    def select_in(self, select: str, column: str, values: Iterable[Any], tail: str = "") -> list[Any]:
        """The rows of `select ... WHERE column IN values tail`, asked for in chunks."""
        distinct = list(dict.fromkeys(values))
        rows: list[Any] = []
        for start in range(0, len(distinct), _CHUNK):
            chunk = distinct[start : start + _CHUNK]
            marks = _IN_CHUNK if len(chunk) == _CHUNK else f"({','.join('?' * len(chunk))})"
            rows += self.execute(f"{select} WHERE {quoted(column)} IN {marks} {tail}", chunk)
        return rows

    def run_in(self, statement: str, column: str, values: Iterable[Any], tail: str = "") -> None:
        """Run `statement ... WHERE column IN values tail`, which gives no rows, in chunks."""
        self.select_in(statement, column, values, tail)

    def find_by_key(
        self, item: ObjectSchema, field: FieldSchema, values: Iterable[Any]
    ) -> dict[Any, list[str]]:
        """Ids of the live rows of each folded key value, in order of creation."""
        found: dict[Any, list[str]] = {}
        for key, id_, _ in self.find_rows_by_key(item, field, values):
            found.setdefault(key, []).append(id_)
        return found

    def find_rows_by_key(
        self, item: ObjectSchema, field: FieldSchema, values: Iterable[Any]
    ) -> list[tuple[Any, str, int]]:
        """Folded key value, id and row number of the live rows that have one of `values`, by row number."""
        column = key_column(field)
        select = f'SELECT {quoted(column)}, "Id", "row" FROM {quoted(item.name)}'
        return sorted(self.select_in(select, column, values, 'AND "IsDeleted" = 0'), key=itemgetter(2))

    def find_rows(self, item: ObjectSchema, ids: Iterable[str]) -> dict[str, int]:
        """The row number of each live row that has one of `ids`."""
        select = f'SELECT "Id", "row" FROM {quoted(item.name)}'
        return dict(self.select_in(select, "Id", ids, 'AND "IsDeleted" = 0'))

    def find_in_bin(self, item: ObjectSchema, ids: Iterable[str]) -> set[str]:
        """Those of `ids` whose rows are in the recycle bin."""
        select = f'SELECT "Id" FROM {quoted(item.name)}'
        return {row[0] for row in self.select_in(select, "Id", ids, 'AND "IsDeleted" = 1')}

    def count_live_rows(self) -> int:
        """Rows of all objects that aren't in the recycle bin."""
        count = 'SELECT COUNT(*) FROM {} WHERE "IsDeleted" = 0'
        with self.lock:
            return sum(self.execute(count.format(quoted(name)))[0][0] for name in self.schema.objects)

    def copy_into(self, target: sqlite3.Connection) -> None:
        """Copy the whole database into another one."""
        with self.lock:
            self._db.backup(target)

    def replace_by(self, source: sqlite3.Connection) -> None:
        """Let the database be a copy of `source`, which a `copy_into` made."""
        with self.lock:
            source.backup(self._db)
            self.storage.forget()

    def meta(self) -> dict[str, str]:
        """The stored facts about the org (its id, its user, the id counters)."""
        return dict(self.execute('SELECT "name", "value" FROM "org$meta"'))

    def put_meta(self, facts: dict[str, str]) -> None:
        """Store facts about the org, replacing those of the same names."""
        self.execute_many('INSERT OR REPLACE INTO "org$meta" VALUES (?, ?)', list(facts.items()))

    def id_counters(self) -> dict[str, int]:
        """The last number used of each key prefix."""
        facts = self.meta().items()
        return {name.removeprefix(_COUNTER): int(value) for name, value in facts if name.startswith(_COUNTER)}

    def put_id_counters(self, counters: Mapping[str, int]) -> None:
        """Store the last number used of each key prefix."""
        self.put_meta({_COUNTER + prefix: str(last) for prefix, last in counters.items()})

    def clear(self) -> None:
        """Remove every row and every fact."""
        with self.transaction():
            for name in (*self.schema.objects, "org$meta"):
                self._db.execute(f"DELETE FROM {quoted(name)}")
            self.storage.forget()

    def adopt(self, schema: OrgSchema) -> None:
        """Have the tables and columns of `schema`; what it lacks stays and is out of use."""
        with self.lock:
            self.schema = schema
            self._prepare()

    def drop_tables(self, sobject: str) -> None:
        """Remove the table of an object; `adopt` makes it again."""
        self.execute(f"DROP TABLE {quoted(sobject)}")

    def close(self) -> None:
        """Close the database; the store can't be used after."""
        with self.lock:
            self._db.close()

    def _prepare(self) -> None:
        with self.transaction():
            self._db.execute(
                'CREATE TABLE IF NOT EXISTS "org$meta" ("name" TEXT PRIMARY KEY, "value" TEXT NOT NULL)'
            )
            for item in self.schema.objects.values():
                self._prepare_table(item)

    def _prepare_table(self, item: ObjectSchema) -> None:
        """Create the table, or add the columns that a changed schema file asks for."""
        existing = {row[1] for row in self._db.execute(f"PRAGMA table_xinfo({quoted(item.name)})")}
        wanted = table_columns(item)
        if not existing:
            body = ", ".join(['"row" INTEGER PRIMARY KEY', *wanted.values()])
            self._db.execute(f"CREATE TABLE {quoted(item.name)} ({body})")
        else:
            existing -= self._drop_changed(item, existing, wanted)
            for name, definition in wanted.items():
                if name not in existing:
                    self._db.execute(f"ALTER TABLE {quoted(item.name)} ADD COLUMN {definition}")
        for statement in table_indexes(item):
            self._db.execute(statement)

    def _drop_changed(self, item: ObjectSchema, existing: set[str], wanted: Mapping[str, str]) -> set[str]:
        """Drop the generated columns whose expression the schema file changed; their names."""
        [(table,)] = self._db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (item.name,))
        changed = {
            name
            for name, definition in wanted.items()
            if name in existing and "GENERATED ALWAYS" in definition and definition not in table
        }
        for name in changed:
            self._db.execute(f"DROP INDEX IF EXISTS {quoted(f'{item.name}${name}')}")
            self._db.execute(f"ALTER TABLE {quoted(item.name)} DROP COLUMN {quoted(name)}")
        return changed


def _row_by_row(columns: Sequence[Sequence[Any]], start: int, end: int) -> list[Any]:
    """The values of the rows `start` to `end` (exclusive), one row after the other."""
    values: list[Any] = [None] * ((end - start) * len(columns))
    for position, column in enumerate(columns):
        values[position :: len(columns)] = column[start:end]
    return values


def normal(value: Any) -> Any:
    """What a duplicate rule compares: text without case and needless spaces; anything else as it is."""
    return " ".join(value.casefold().split()) or None if isinstance(value, str) else value


def _sql_fold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
