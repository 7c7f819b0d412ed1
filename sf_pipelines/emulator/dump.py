"""Every row of the org in a fixed order, as JSON values.

Belongs here: reading rows whole. Not here: comparing two dumps (diff.py). Imports schema, store, values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from sqlite3 import Connection
from typing import Any, Protocol

from sf_pipelines.emulator.schema.model import ObjectSchema, OrgSchema
from sf_pipelines.emulator.store import Store, quoted
from sf_pipelines.emulator.values import rest_converter

_PAGE_ROWS = 2000

DumpedRow = dict[str, Any]
"""`{"sobject": "Account", "Id": "001...", ...}`, fields in describe order without compound ones."""


class _Reader(Protocol):
    def __call__(self, sql: str, parameters: Sequence[Any], /) -> list[Any]: ...


def dump_rows(store: Store, sobjects: Sequence[str] | None = None) -> Iterator[DumpedRow]:
    """The rows of the objects (None: all), deleted ones too; objects by name, rows by Id.

    Raises:
        SalesforceError: 404, an object is unknown; before any row is read.
    """
    return _dump(store.schema, sobjects, store.execute)


def dump_database(
    schema: OrgSchema, database: Connection, sobjects: Sequence[str] | None = None
) -> Iterator[DumpedRow]:
    """The same of a copy that `Store.copy_into` made."""
    return _dump(schema, sobjects, lambda sql, parameters: database.execute(sql, parameters).fetchall())


def _dump(schema: OrgSchema, sobjects: Sequence[str] | None, read: _Reader) -> Iterator[DumpedRow]:
    names = schema.objects if sobjects is None else [schema.object(name).name for name in sobjects]
    items = [schema.objects[name] for name in sorted(set(names))]
    return (row for item in items for row in _rows(item, read))


def _rows(item: ObjectSchema, read: _Reader) -> Iterator[DumpedRow]:
    fields = [field for field in item.fields if not field.is_compound]
    converters = [rest_converter(field) for field in fields]
    columns = ", ".join(quoted(field.name) for field in fields)
    sql = f'SELECT {columns} FROM {quoted(item.name)} WHERE "Id" > ? ORDER BY "Id" LIMIT {_PAGE_ROWS}'
    last = ""
    while page := read(sql, (last,)):
        for values in page:
            row: DumpedRow = {"sobject": item.name}
            for field, convert, value in zip(fields, converters, values, strict=True):
                row[field.name] = value if value is None or convert is None else convert(value)
            yield row
            last = row["Id"]
