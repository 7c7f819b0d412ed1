"""The plan of a query of records: row ids, rows, and the plans of its subqueries.

Belongs here: SELECT, ORDER BY, LIMIT and OFFSET of records, child relationships. Not here: aggregates
(aggregates.py), FROM and WHERE (source.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import ChildColumn, RowShape
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.aggregates import is_aggregate_query
from sf_pipelines.emulator.soql.context import QueryContext
from sf_pipelines.emulator.soql.functions import Expressions
from sf_pipelines.emulator.soql.nodes import Query, Subquery
from sf_pipelines.emulator.soql.plans import RowsPlan
from sf_pipelines.emulator.soql.scope import Scope
from sf_pipelines.emulator.soql.selection import SelectedColumn, Selection
from sf_pipelines.emulator.soql.source import Source, check_query
from sf_pipelines.emulator.store import quoted

# [D] since v58: the root and four levels of children.
MAX_CHILD_LEVELS = 4


class RecordsCompiler:
    """Compiles a query whose answer is records, the root or a subquery."""

    def __init__(self, context: QueryContext, query: Query, item: ObjectSchema, level: int = 0) -> None:
        """For `query` on `item`, `level` subqueries below the root."""
        self._context, self._query, self._item, self._level = context, query, item, level

    def plan(self, *, with_ids: bool, parent: FieldSchema | None = None) -> RowsPlan:
        """The plan of the root, or of the children whose reference to their parent is `parent`.

        Raises:
            SalesforceError: what Salesforce answers to a wrong query.
        """
        check_query(self._query, self._context.soql)
        scope = self._scope()
        selection = Selection(self._query, Expressions(scope))
        selected: list[SelectedColumn] = []
        subqueries: list[tuple[int, Subquery]] = []
        for item in self._query.items:
            if isinstance(item, Subquery):
                subqueries.append((len(selected), item))
            else:
                selected.extend(selection.columns(item))
        columns = [f'{scope.base}."row"', *(one.expression for one in selected)]
        id_index = _add_ids(columns, scope) if with_ids or subqueries else {}
        children, plans = self._children(subqueries, len(columns) - 1)
        ids_sql, parameters = self.ids_sql() if parent is None else self._child_ids_sql(parent)
        shape = RowShape(
            sobject=self._item.name,
            columns=tuple(one.column for one in selected),
            id_index=id_index,
            polymorphic=scope.polymorphic(),
            children=children,
        )
        rows_sql = f"SELECT {', '.join(columns)} {scope.sql()}"
        return RowsPlan(
            shape=shape, ids_sql=ids_sql, parameters=parameters, rows_sql=rows_sql, children=plans
        )

    def _scope(self) -> Scope:
        return Scope(self._context.schema, self._context.soql, self._item, self._query.alias)

    def ids_sql(self) -> tuple[str, tuple[Any, ...]]:
        """The SQL of the row ids in order, cut to LIMIT and OFFSET."""
        scope = self._scope()
        ordering = self._ordering(scope)
        source, parameters = Source(self._context, self._query, scope).from_where()
        sql = f'SELECT {scope.base}."row" {source} ORDER BY {ordering} LIMIT ? OFFSET ?'
        return sql, (*parameters, self._limit(), self._query.offset or 0)

    def _child_ids_sql(self, parent: FieldSchema) -> tuple[str, tuple[Any, ...]]:
        """Pairs of parent id and row id; the first parameter, not given here, is a JSON array of ids."""
        scope = self._scope()
        ordering = self._ordering(scope)
        conditions, parameters = Source(self._context, self._query, scope).conditions()
        key = f"{scope.base}.{quoted(parent.name)}"
        wanted = f"{key} IN (SELECT value FROM json_each(?))"
        number = f"row_number() OVER (PARTITION BY {key} ORDER BY {ordering})"
        inner = (
            f'SELECT {key} AS parent, {scope.base}."row" AS child, {number} AS place {scope.sql()} '
            f"WHERE {' AND '.join([wanted, *conditions])}"
        )
        skipped = self._query.offset or 0
        last = "" if self._query.limit is None else f" AND place <= {skipped + self._query.limit}"
        sql = f"SELECT parent, child FROM ({inner}) WHERE place > {skipped}{last} ORDER BY parent, place"
        return sql, tuple(parameters)

    def _limit(self) -> int:
        return -1 if self._query.limit is None else self._query.limit

    def _ordering(self, scope: Scope) -> str:
        return ", ".join([*self._order_items(scope), f'{scope.base}."row"'])

    def _order_items(self, scope: Scope) -> Iterator[str]:
        expressions = Expressions(scope)
        for item in self._query.order:
            resolved = expressions.resolve(item.operand)
            if not resolved.field.sortable:
                raise errors.not_sortable(self._context.soql, item.operand.place, resolved.field)
            direction = "DESC" if item.descending else "ASC"
            yield f"{resolved.expression} {direction} NULLS {'LAST' if item.nulls_last else 'FIRST'}"

    def _children(
        self, subqueries: list[tuple[int, Subquery]], first_index: int
    ) -> tuple[tuple[ChildColumn, ...], tuple[RowsPlan, ...]]:
        columns: list[ChildColumn] = []
        plans: list[RowsPlan] = []
        for index, (after, subquery) in enumerate(subqueries, first_index):
            name, plan = self._child(subquery)
            if any(column.name == name for column in columns):
                raise SalesforceError("INVALID_FIELD", f"duplicate field selected: {name}")
            columns.append(ChildColumn(name=name, index=index, after=after, shape=plan.shape))
            plans.append(plan)
        return tuple(columns), tuple(plans)

    def _child(self, subquery: Subquery) -> tuple[str, RowsPlan]:
        query, soql = subquery.query, self._context.soql
        if self._level >= MAX_CHILD_LEVELS:
            raise errors.too_many_children(soql, subquery.place, MAX_CHILD_LEVELS)
        found = self._child_relationship(query)
        if found is None:
            raise errors.no_such_child_relationship(soql, query.sobject_place, query.sobject)
        reference, child = found
        if is_aggregate_query(query):
            message = "Aggregate functions and GROUP BY are not allowed in a subquery"
            raise errors.malformed(soql, subquery.place, message)
        compiler = RecordsCompiler(self._context, query, child, self._level + 1)
        return reference.child_relationship_name or "", compiler.plan(with_ids=True, parent=reference)

    def _child_relationship(self, query: Query) -> tuple[FieldSchema, ObjectSchema] | None:
        head, _, name = query.sobject.rpartition(".")
        names = (self._item.name.lower(), (self._query.alias or "").lower())
        for one in self._context.schema.children(self._item.name):
            relationship = one.field.child_relationship_name
            if relationship and relationship.lower() == name.lower() and (not head or head.lower() in names):
                return one.field, self._context.schema.object(one.child)
        return None


def _add_ids(columns: list[str], scope: Scope) -> dict[tuple[str, ...], int]:
    """Append the Id of each record in use to `columns` unless it is selected; where each one stands."""
    index: dict[tuple[str, ...], int] = {}
    for path, id_column in scope.ids().items():
        if id_column not in columns:
            columns.append(id_column)
        index[path] = columns.index(id_column) - 1
    return index
