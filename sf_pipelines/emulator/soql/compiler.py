"""A parsed query to the plan that answers it: row ids and rows, groups, or a count.

Belongs here: meaning of FROM, WHERE, ORDER BY, LIMIT, OFFSET, USING SCOPE and subqueries. Not here: the
SELECT list (selection.py), aggregates (aggregates.py), running (runner.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import ChildColumn, RowShape
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.aggregates import Grouping, check_aggregate_limit, is_aggregate_query
from sf_pipelines.emulator.soql.context import QueryContext
from sf_pipelines.emulator.soql.filters import Filters
from sf_pipelines.emulator.soql.functions import Expressions
from sf_pipelines.emulator.soql.literals import Literals
from sf_pipelines.emulator.soql.nodes import Function, Query, Selected, Subquery
from sf_pipelines.emulator.soql.plans import CountPlan, GroupsPlan, Plan, RowsPlan
from sf_pipelines.emulator.soql.scope import Scope
from sf_pipelines.emulator.soql.selection import SelectedColumn, Selection
from sf_pipelines.emulator.soql.semijoin import SemiJoins, check_semi_joins
from sf_pipelines.emulator.store import quoted

MAX_OFFSET = 2000
# [D] since v58: the root and four levels of children.
MAX_CHILD_LEVELS = 4
_MINE_SCOPES = frozenset({"mine", "mine_and_my_groups", "my_territory", "my_team_territory", "team"})
_OTHER_SCOPES = frozenset({"everything", "delegated"})


class Compiler:
    """Compiles one query."""

    def __init__(self, context: QueryContext, query: Query) -> None:
        """Resolve FROM.

        Raises:
            SalesforceError: INVALID_TYPE for an object that the org doesn't have.
        """
        item = context.schema.find(query.sobject)
        if item is None:
            raise errors.no_such_object(context.soql, query.sobject_place, query.sobject)
        self.item = item
        self._context, self._query = context, query

    def compile(self, *, with_ids: bool) -> Plan:
        """The plan; `with_ids` adds the ids of the record and its parents to each row.

        Raises:
            SalesforceError: what Salesforce answers to a wrong query.
        """
        self._check_offset()
        check_semi_joins(self._query.where, self._context.soql)
        if self._is_count():
            return self._count_plan()
        if is_aggregate_query(self._query):
            return self._groups_plan()
        return _RecordsCompiler(self._context, self._query, self.item).plan(with_ids=with_ids)

    def _check_offset(self) -> None:
        if self._query.offset is not None and self._query.offset > MAX_OFFSET:
            raise SalesforceError(
                "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}"
            )

    def _is_count(self) -> bool:
        """True for COUNT() without a field."""
        calls = [item.operand for item in self._query.items if isinstance(item, Selected)]
        bare = [one for one in calls if isinstance(one, Function) and _is_bare_count(one)]
        if not bare:
            return False
        if len(self._query.items) > 1 or self._query.group:
            raise errors.malformed(
                self._context.soql, bare[0].place, "COUNT() must be the only element of the SELECT list"
            )
        if self._query.order:
            place = self._query.order[0].operand.place
            raise errors.malformed(self._context.soql, place, "ORDER BY can't be used with COUNT()")
        return True

    def _count_plan(self) -> CountPlan:
        inner = _RecordsCompiler(self._context, self._query, self.item)
        ids_sql, parameters = inner.ids_sql()
        shape = RowShape(sobject=self.item.name, columns=())
        return CountPlan(shape=shape, sql=f"SELECT COUNT(*) FROM ({ids_sql})", parameters=parameters)

    def _groups_plan(self) -> GroupsPlan:
        check_aggregate_limit(self._query)
        scope = Scope(self._context.schema, self._context.soql, self.item, self._query.alias)
        literals = Literals(soql=self._context.soql, now=self._context.now)
        source = _Source(self._context, self._query, scope)
        groups = Grouping(self._query, Expressions(scope), literals).compile(source.from_where)
        shape = RowShape(sobject=self.item.name, columns=groups.columns, is_aggregate=True)
        return GroupsPlan(shape=shape, sql=groups.sql, parameters=groups.parameters)


class _Source:
    """FROM and WHERE of one SELECT."""

    def __init__(self, context: QueryContext, query: Query, scope: Scope) -> None:
        self._context, self._query, self._scope = context, query, scope

    def from_where(self) -> tuple[str, list[Any]]:
        """The SQL with all joins in use so far, and its parameters."""
        conditions, parameters = self.conditions()
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"{self._scope.sql()}{where}", parameters

    def conditions(self) -> tuple[list[str], list[Any]]:
        """The conditions, to be joined by AND, and their parameters."""
        context, scope = self._context, self._scope
        conditions = [] if context.include_deleted else [f'{scope.base}."IsDeleted" = 0']
        filters = Filters(
            resolve=Expressions(scope).resolve,
            subselect=SemiJoins(context, scope.item).sql,
            literals=Literals(soql=context.soql, now=context.now),
        )
        owned = self._owned()
        if owned:
            conditions.append(f'{scope.base}."OwnerId" = ?')
            filters.parameters.append(context.user_id)
        if self._query.where is not None:
            conditions.append(filters.sql(self._query.where))
        return conditions, filters.parameters

    def _owned(self) -> bool:
        """True when USING SCOPE keeps only the user's own records."""
        name = self._query.record_scope
        if name is None:
            return False
        if name.lower() not in _MINE_SCOPES | _OTHER_SCOPES:
            message = f"'{name}' is not a scope of USING SCOPE"
            raise errors.malformed(self._context.soql, self._query.sobject_place, message)
        return name.lower() in _MINE_SCOPES and self._scope.item.field("OwnerId") is not None


class _RecordsCompiler:
    """Compiles a query whose answer is records, the root or a subquery."""

    def __init__(self, context: QueryContext, query: Query, item: ObjectSchema, level: int = 0) -> None:
        self._context, self._query, self._item, self._level = context, query, item, level

    def plan(self, *, with_ids: bool, parent: FieldSchema | None = None) -> RowsPlan:
        """The plan of the root, or of the children whose reference to their parent is `parent`."""
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
        source, parameters = _Source(self._context, self._query, scope).from_where()
        sql = f'SELECT {scope.base}."row" {source} ORDER BY {ordering} LIMIT ? OFFSET ?'
        return sql, (*parameters, self._limit(), self._query.offset or 0)

    def _child_ids_sql(self, parent: FieldSchema) -> tuple[str, tuple[Any, ...]]:
        """Pairs of parent id and row id; the first parameter, not given here, is a JSON array of ids."""
        scope = self._scope()
        ordering = self._ordering(scope)
        conditions, parameters = _Source(self._context, self._query, scope).conditions()
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
        check_semi_joins(query.where, soql)
        compiler = _RecordsCompiler(self._context, query, child, self._level + 1)
        return reference.child_relationship_name or "", compiler.plan(with_ids=True, parent=reference)

    def _child_relationship(self, query: Query) -> tuple[FieldSchema, ObjectSchema] | None:
        head, _, name = query.sobject.rpartition(".")
        names = (self._item.name.lower(), (self._query.alias or "").lower())
        for one in self._context.schema.children(self._item.name):
            relationship = one.field.child_relationship_name
            if relationship and relationship.lower() == name.lower() and (not head or head.lower() in names):
                return one.field, self._context.schema.object(one.child)
        return None


def _is_bare_count(function: Function) -> bool:
    return function.name.lower() == "count" and not function.arguments


def _add_ids(columns: list[str], scope: Scope) -> dict[tuple[str, ...], int]:
    """Append the Id of each record in use to `columns` unless it is selected; where each one stands."""
    index: dict[tuple[str, ...], int] = {}
    for path, id_column in scope.ids().items():
        if id_column not in columns:
            columns.append(id_column)
        index[path] = columns.index(id_column) - 1
    return index
