"""A parsed query to the plan that answers it: row ids and rows, groups, or a count.

Belongs here: which kind of answer a query has. Not here: records (record_plans.py), aggregates
(aggregates.py), running (runner.py).
"""

from __future__ import annotations

from sf_pipelines.emulator.results import RowShape
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.aggregates import Grouping, check_aggregate_limit, is_aggregate_query
from sf_pipelines.emulator.soql.context import QueryContext
from sf_pipelines.emulator.soql.functions import Expressions
from sf_pipelines.emulator.soql.literals import Literals
from sf_pipelines.emulator.soql.nodes import Function, Query, Selected
from sf_pipelines.emulator.soql.plans import CountPlan, GroupsPlan, Plan
from sf_pipelines.emulator.soql.record_plans import RecordsCompiler
from sf_pipelines.emulator.soql.scope import Scope
from sf_pipelines.emulator.soql.source import Source, check_query


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
        check_query(self._query, self._context.soql)
        if self._is_count():
            return self._count_plan()
        if is_aggregate_query(self._query):
            return self._groups_plan()
        return RecordsCompiler(self._context, self._query, self.item).plan(with_ids=with_ids)

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
        inner = RecordsCompiler(self._context, self._query, self.item)
        ids_sql, parameters = inner.ids_sql()
        shape = RowShape(sobject=self.item.name, columns=())
        return CountPlan(shape=shape, sql=f"SELECT COUNT(*) FROM ({ids_sql})", parameters=parameters)

    def _groups_plan(self) -> GroupsPlan:
        check_aggregate_limit(self._query)
        scope = Scope(self._context.schema, self._context.soql, self.item, self._query.alias)
        literals = Literals(soql=self._context.soql, now=self._context.now)
        source = Source(self._context, self._query, scope)
        groups = Grouping(self._query, Expressions(scope), literals).compile(source.from_where)
        shape = RowShape(sobject=self.item.name, columns=groups.columns, is_aggregate=True)
        return GroupsPlan(shape=shape, sql=groups.sql, parameters=groups.parameters)


def _is_bare_count(function: Function) -> bool:
    return function.name.lower() == "count" and not function.arguments
