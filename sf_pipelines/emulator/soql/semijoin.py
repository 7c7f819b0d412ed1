"""Semi-joins and anti-joins: `field IN (SELECT field FROM ...)`.

Belongs here: where Salesforce allows them, and their SQL. Not here: other conditions (filters.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from sf_pipelines.emulator.schema.model import ObjectSchema
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.context import QueryContext
from sf_pipelines.emulator.soql.filters import Filters
from sf_pipelines.emulator.soql.functions import Expressions
from sf_pipelines.emulator.soql.nodes import (
    Combination,
    Comparison,
    Condition,
    Negation,
    Path,
    Place,
    Query,
    Selected,
)
from sf_pipelines.emulator.soql.scope import Resolved, Scope

MAX_SEMI_JOINS = 2
_PREFIX = "Semi join sub-selects"


def check_semi_joins(where: Condition | None, soql: str) -> None:
    """Refuse semi-joins where Salesforce has none: under OR or NOT, and more than two.

    Raises:
        SalesforceError: MALFORMED_QUERY.
    """
    joins = list(_semi_joins(where, soql)) if where is not None else []
    if len(joins) > MAX_SEMI_JOINS:
        message = f"Maximum {MAX_SEMI_JOINS} semi join sub-selects are allowed"
        raise errors.malformed(soql, joins[MAX_SEMI_JOINS].operand.place, message)


def _semi_joins(
    condition: Condition, soql: str, *, is_top: bool = True, under_or: bool = False
) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        if condition.subquery is not None:
            _refuse_place(condition.operand.place, soql, is_top=is_top, under_or=under_or)
            yield condition
        return
    parts = condition.parts if isinstance(condition, Combination) else (condition.part,)
    is_or = isinstance(condition, Combination) and condition.joiner == "OR"
    is_nested = isinstance(condition, Negation) or under_or
    for part in parts:
        yield from _semi_joins(part, soql, is_top=is_top and not is_nested, under_or=under_or or is_or)


def _refuse_place(place: Place, soql: str, *, is_top: bool, under_or: bool) -> None:
    if not is_top:
        message = (
            f"{_PREFIX} are only allowed at the top level WHERE expressions and not in nested WHERE "
            "expressions."
        )
        raise errors.malformed(soql, place, message)
    if under_or:
        raise errors.malformed(soql, place, f"{_PREFIX} are not allowed with the 'OR' operator")


class SemiJoins:
    """Compiles the inner queries of one outer query."""

    def __init__(self, context: QueryContext, outer: ObjectSchema) -> None:
        """For semi-joins of a query on `outer`."""
        self._context = context
        self._outer = outer
        self._count = 0

    def sql(self, filters: Filters, comparison: Comparison, target: Resolved) -> str:
        """The SELECT that goes into the parentheses of IN; its parameters are added to those of `filters`.

        Raises:
            SalesforceError: MALFORMED_QUERY for an inner query that Salesforce refuses.
        """
        query = comparison.subquery
        if query is None:
            raise LookupError("not a semi-join")
        place = comparison.operand.place
        item = self._context.schema.find(query.sobject)
        if item is None:
            raise errors.no_such_object(self._context.soql, query.sobject_place, query.sobject)
        path = self._only_field(query, item)
        self._count += 1
        scope = Scope(
            self._context.schema, self._context.soql, item, query.alias, table_prefix=f"s{self._count}_"
        )
        expressions = Expressions(scope)
        inner = expressions.resolve(path)
        self._check_types(place, target, inner)
        nested = Filters(resolve=expressions.resolve, subselect=None, literals=filters.literals)
        conditions = [f"{inner.expression} IS NOT NULL"]
        if not self._context.include_deleted:
            conditions.append(f'{scope.base}."IsDeleted" = 0')
        if query.where is not None:
            conditions.append(nested.sql(query.where))
        filters.parameters.extend(nested.parameters)
        return f"SELECT {inner.expression} {scope.sql()} WHERE {' AND '.join(conditions)}"

    def _only_field(self, query: Query, item: ObjectSchema) -> Path:
        soql, place = self._context.soql, query.sobject_place
        if query.where is not None and any(True for _ in _inner_joins(query.where)):
            raise errors.malformed(soql, place, "Nesting of semi join sub-selects is not supported")
        if item is self._outer:
            message = "The inner and outer selects should not be on the same object type"
            raise errors.malformed(soql, place, message)
        if query.order or query.limit is not None or query.offset is not None or query.group:
            message = f"{_PREFIX} can have neither GROUP BY, ORDER BY, LIMIT nor OFFSET"
            raise errors.malformed(soql, place, message)
        first = query.items[0]
        if len(query.items) > 1 or not isinstance(first, Selected) or not isinstance(first.operand, Path):
            raise errors.malformed(soql, place, f"{_PREFIX} must select exactly one field")
        return first.operand

    def _check_types(self, place: Place, left: Resolved, inner: Resolved) -> None:
        if not _points_to(left) & _points_to(inner):
            message = (
                f"The selected field '{inner.field.name}' in the subquery and the left operand field in the "
                f"where expression in the outer query '{left.field.name}' should point to the same object "
                "type"
            )
            raise errors.malformed(self._context.soql, place, message)


def _inner_joins(condition: Condition) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        if condition.subquery is not None:
            yield condition
        return
    parts = condition.parts if isinstance(condition, Combination) else (condition.part,)
    for part in parts:
        yield from _inner_joins(part)


def _points_to(resolved: Resolved) -> frozenset[str]:
    """The objects whose ids a field holds."""
    is_own_id = resolved.field.type == "id"
    return frozenset({resolved.sobject}) if is_own_id else frozenset(resolved.field.reference_to)
