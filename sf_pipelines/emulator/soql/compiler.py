"""A parsed query to the two SQL statements that answer it: one that finds the row ids, one that reads rows.

Belongs here: meaning of SELECT, ORDER BY, LIMIT, OFFSET, and what this org refuses. Not here: running
(runner.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import Column
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema, OrgSchema
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.filters import Filters
from sf_pipelines.emulator.soql.literals import Literals
from sf_pipelines.emulator.soql.nodes import Function, Path, Query
from sf_pipelines.emulator.soql.scope import Resolved, Scope
from sf_pipelines.emulator.store import quoted

MAX_OFFSET = 2000
MAX_FIELDS_LIMIT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """The statements of one query."""

    item: ObjectSchema
    columns: tuple[Column, ...]
    is_count: bool
    ids_sql: str
    """Row ids in the query's order, its LIMIT and OFFSET applied."""
    ids_parameters: tuple[Any, ...]
    rows_sql: str
    """Row id, the columns, hidden ids; the caller appends a WHERE on `t0."row"`."""
    id_index: Mapping[tuple[str, ...], int]
    """As in QueryResult."""


class Compiler:
    """Compiles one query for one moment."""

    def __init__(self, schema: OrgSchema, query: Query, soql: str, now: datetime) -> None:
        """Resolve FROM.

        Raises:
            SalesforceError: INVALID_TYPE for an object that the org doesn't have.
        """
        item = schema.find(query.sobject)
        if item is None:
            raise errors.no_such_object(soql, query.sobject_place, query.sobject)
        self._schema, self.item, self._query, self._soql, self._now = schema, item, query, soql, now

    def compile(self, *, include_deleted: bool, with_ids: bool) -> Compiled:
        """The statements; `with_ids` adds the ids of the record and its parents to each row.

        Raises:
            SalesforceError: what Salesforce answers to a wrong query.
        """
        self._refuse_unsupported()
        rows_scope = self._scope()
        is_count = self._is_count()
        selected = [] if is_count else self._selected(rows_scope)
        ids_sql, parameters = self._ids_sql(include_deleted=include_deleted or self._query.all_rows)
        columns = ['t0."row"', *(resolved.sql() for resolved in selected)]
        id_index = _add_ids(columns, rows_scope) if with_ids and not is_count else {}
        return Compiled(
            item=self.item,
            columns=tuple(Column(path=r.path, field=r.field, label=".".join(r.path)) for r in selected),
            is_count=is_count,
            ids_sql=ids_sql,
            ids_parameters=parameters,
            rows_sql=f"SELECT {', '.join(columns)} {rows_scope.sql()}",
            id_index=id_index,
        )

    def _scope(self) -> Scope:
        return Scope(self._schema, self.item, self._query, self._soql)

    def _refuse_unsupported(self) -> None:
        for found in self._query.unsupported:
            raise errors.malformed(self._soql, found.place, f"{found.what} is not supported by this org")
        if self._query.offset is not None and self._query.offset > MAX_OFFSET:
            raise SalesforceError(
                "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}"
            )

    def _is_count(self) -> bool:
        first = self._query.items[0]
        is_count = isinstance(first, Function) and first.name.lower() == "count" and not first.arguments
        if is_count and len(self._query.items) > 1:
            raise errors.malformed(
                self._soql, first.place, "COUNT() must be the only element of the SELECT list"
            )
        if is_count and self._query.order:
            place = self._query.order[0].path.place
            raise errors.malformed(self._soql, place, "ORDER BY can't be used with COUNT()")
        return is_count

    def _selected(self, scope: Scope) -> list[Resolved]:
        selected = [resolved for item in self._query.items for resolved in self._expand(item, scope)]
        seen: set[tuple[str, ...]] = set()
        for resolved in selected:
            if resolved.path in seen:
                raise SalesforceError("INVALID_FIELD", f"duplicate field selected: {'.'.join(resolved.path)}")
            seen.add(resolved.path)
        return selected

    def _expand(self, item: Path | Function, scope: Scope) -> Iterator[Resolved]:
        if isinstance(item, Path):
            yield scope.resolve(item)
            return
        if item.name.lower() != "fields":
            message = f"The function {item.name}() in SELECT is not supported by this org"
            raise errors.malformed(self._soql, item.place, message)
        for field in self._field_set(item):
            yield scope.resolve(Path(parts=(field.name,), place=item.place))

    def _field_set(self, function: Function) -> Iterator[FieldSchema]:
        argument = function.arguments[0] if len(function.arguments) == 1 else None
        which = argument.text.upper() if isinstance(argument, Path) else ""
        if which not in ("ALL", "STANDARD", "CUSTOM"):
            message = "FIELDS() takes one of ALL, CUSTOM, STANDARD"
            raise errors.malformed(self._soql, function.place, message)
        if which != "STANDARD" and (self._query.limit is None or self._query.limit > MAX_FIELDS_LIMIT):
            message = f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_LIMIT}"
            raise errors.malformed(self._soql, function.place, message)
        return (field for field in self.item.fields if which == "ALL" or field.custom == (which == "CUSTOM"))

    def _ids_sql(self, *, include_deleted: bool) -> tuple[str, tuple[Any, ...]]:
        scope = self._scope()
        filters = Filters(scope=scope, literals=Literals(soql=self._soql, now=self._now))
        conditions = [] if include_deleted else ['t0."IsDeleted" = 0']
        if self._query.where is not None:
            conditions.append(filters.sql(self._query.where))
        ordering = "".join(f"{item}, " for item in self._ordering(scope))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        sql = f'SELECT t0."row" {scope.sql()}{where} ORDER BY {ordering}t0."row" LIMIT ? OFFSET ?'
        limit = -1 if self._query.limit is None else self._query.limit
        return sql, (*filters.parameters, limit, self._query.offset or 0)

    def _ordering(self, scope: Scope) -> Iterator[str]:
        for item in self._query.order:
            resolved = scope.resolve(item.path)
            if not resolved.field.sortable:
                raise errors.not_sortable(self._soql, item.path, resolved.field)
            direction = "DESC" if item.descending else "ASC"
            yield f"{resolved.sql()} {direction} NULLS {'LAST' if item.nulls_last else 'FIRST'}"


def _add_ids(columns: list[str], scope: Scope) -> dict[tuple[str, ...], int]:
    """Append the Id of each table in use to `columns` unless it is selected; where each one stands."""
    index: dict[tuple[str, ...], int] = {}
    for path, table in scope.tables().items():
        id_column = f"{table}.{quoted('Id')}"
        if id_column not in columns:
            columns.append(id_column)
        index[path] = columns.index(id_column) - 1
    return index
