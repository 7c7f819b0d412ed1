"""The org's rows in SQLite: connection, transactions, tables made from the schema, set-based look-ups.

One table for each object with a real column for each field that isn't a compound; `row` is SQLite's row id. A
text field that is a key (unique, external id, idLookup) has a shadow column `key$<Field>` with the folded
value, so that look-ups are case-insensitive in every script and use an index.
Belongs here: SQL that knows no Salesforce rule. Not here: validation (dml/), SOQL (soql/).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any, Protocol

from sf_pipelines.emulator.schema.model import NUMBER_TYPES, FieldSchema, ObjectSchema, OrgSchema
from sf_pipelines.emulator.storage import StorageMeter

_CHUNK = 2000
_IN_CHUNK = "(" + ",".join("?" * _CHUNK) + ")"
_COLUMN_TYPES = {"boolean": "INTEGER", "int": "INTEGER", "datetime": "INTEGER", "time": "INTEGER",
                 "double": "REAL", "currency": "REAL", "percent": "REAL"}  # fmt: skip
_CACHED_STATEMENTS = 512
_COUNTER = "ids."


def quoted(name: str) -> str:
    """An SQL identifier; API names hold only letters, digits and underscores."""
    return f'"{name}"'


def has_key_column(field: FieldSchema) -> bool:
    """True for a text field that rows are looked up by."""
    return field.is_text and (field.unique or field.is_key)


def key_column(field: FieldSchema) -> str:
    """The column to look rows up by: the shadow column of a text key, else the field's own."""
    return f"key${field.name}" if has_key_column(field) else field.name


def fold(field: FieldSchema, value: Any) -> Any:
    """`value` as the key column holds it: case-folded text unless the field is case-sensitive."""
    return (
        value.casefold()
        if has_key_column(field) and not field.case_sensitive and value is not None
        else value
    )


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
        self.storage = StorageMeter(self.count_live_rows)
        self._db = sqlite3.connect(
            path, check_same_thread=False, isolation_level=None, cached_statements=_CACHED_STATEMENTS
        )
        self._db.create_function("sf_fold", 1, _sql_fold, deterministic=True)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-65536"):
            self._db.execute(f"PRAGMA {pragma}")
        self._prepare()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Run one statement and return all its rows."""
        with self.lock:
            return self._db.execute(sql, parameters).fetchall()

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of parameters."""
        with self.lock:
            self._db.executemany(sql, rows)

    def column(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """The first column of a statement's rows, one value at a time. Hold the lock while reading."""
        return (row[0] for row in self._db.execute(sql, parameters))

    @contextmanager
    def transaction(self) -> Generator[Transaction, None, None]:
        """Hold the lock and one transaction: commit at the end, roll back on any exception.

        Inside another transaction of the same thread it is a savepoint of that one.
        """
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
                self._end(transaction)

    @property
    def locks(self) -> LocksOfTransaction | None:
        """The row locks of the running transaction."""
        return self._outermost.locks if self._outermost is not None else None

    def _end(self, transaction: Transaction) -> None:
        if self._depth == 0:
            self._outermost = None
            self._db.execute("ROLLBACK" if transaction.is_rolled_back else "COMMIT")
            return
        if transaction.is_rolled_back:
            self._db.execute(f"ROLLBACK TO s{self._depth}")
        self._db.execute(f"RELEASE s{self._depth}")

    def select_in(self, select: str, column: str, values: Iterable[Any], tail: str = "") -> Iterator[Any]:
        """The rows of `select ... WHERE column IN values tail`, in chunks; hold the lock while reading."""
        distinct = list(dict.fromkeys(values))
        sql = f"{select} WHERE {quoted(column)} IN {_IN_CHUNK} {tail}"
        for start in range(0, len(distinct), _CHUNK):
            chunk = distinct[start : start + _CHUNK]
            if len(chunk) < _CHUNK:
                marks = ",".join("?" * len(chunk))
                yield from self._db.execute(f"{select} WHERE {quoted(column)} IN ({marks}) {tail}", chunk)
            else:
                yield from self._db.execute(sql, chunk)

    def find_by_key(
        self, item: ObjectSchema, field: FieldSchema, values: Iterable[Any]
    ) -> dict[Any, list[str]]:
        """Ids of the live rows of each folded key value, in order of creation."""
        found: dict[Any, list[str]] = {}
        column = key_column(field)
        select = f'SELECT {quoted(column)}, "Id" FROM {quoted(item.name)}'
        for key, id_ in self.select_in(select, column, values, 'AND "IsDeleted" = 0 ORDER BY "row"'):
            found.setdefault(key, []).append(id_)
        return found

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
            for name, definition in wanted.items():
                if name not in existing:
                    self._db.execute(f"ALTER TABLE {quoted(item.name)} ADD COLUMN {definition}")
        for statement in _indexes(item):
            self._db.execute(statement)


def table_columns(item: ObjectSchema) -> dict[str, str]:
    """Column name to column definition, for every stored field and every key column."""
    columns: dict[str, str] = {}
    for field in item.fields:
        if not field.is_compound:
            columns[field.name] = _definition(field)
        if has_key_column(field):
            columns[key_column(field)] = f"{quoted(key_column(field))} TEXT"
    columns["IsDeleted"] = '"IsDeleted" INTEGER NOT NULL DEFAULT 0'
    return columns


def _definition(field: FieldSchema) -> str:
    kind = _COLUMN_TYPES.get(field.type, "TEXT")
    collation = " COLLATE NOCASE" if field.is_text and not field.case_sensitive else ""
    derived = f" GENERATED ALWAYS AS ({field.derived}) VIRTUAL" if field.derived else ""
    missing = " NOT NULL DEFAULT 0" if field.type == "boolean" and not derived else ""
    return f"{quoted(field.name)} {kind}{collation}{derived}{missing}"


def _indexes(item: ObjectSchema) -> Iterator[str]:
    table = quoted(item.name)
    yield f'CREATE UNIQUE INDEX IF NOT EXISTS "{item.name}$Id" ON {table} ("Id")'
    yield f'CREATE INDEX IF NOT EXISTS "{item.name}$SystemModstamp" ON {table} ("SystemModstamp")'
    for field in item.fields:
        is_number_key = field.type in NUMBER_TYPES and (field.unique or field.external_id)
        is_parent = field.type == "reference" and field.createable and "User" not in field.reference_to
        if has_key_column(field) or is_number_key or is_parent:
            column = quoted(key_column(field))
            name = f"{item.name}${field.name}"
            yield f'CREATE INDEX IF NOT EXISTS "{name}" ON {table} ({column}) WHERE {column} IS NOT NULL'


def _sql_fold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
