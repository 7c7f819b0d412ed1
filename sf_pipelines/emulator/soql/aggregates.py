"""Aggregates: GROUP BY with ROLLUP and CUBE, HAVING, aliases, and the names of their columns.

Each set of grouping fields (one, or several for ROLLUP and CUBE) is one SELECT; they are joined by UNION ALL,
ordered and cut together.
Belongs here: meaning and SQL of aggregate queries. Not here: conditions on rows (compiler.py), running.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import Column
from sf_pipelines.emulator.schema.model import NUMBER_TYPES, FieldSchema, FieldType
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.filters import Filters
from sf_pipelines.emulator.soql.functions import AGGREGATES, SHOWING, Expressions, is_aggregate
from sf_pipelines.emulator.soql.literals import Literals
from sf_pipelines.emulator.soql.nodes import Function, Operand, Ordering, Path, Query, Selected
from sf_pipelines.emulator.soql.scope import Resolved

# [R]: a longer aggregate result can't be paged.
MAX_GROUPS = 2000
_MAX_ROLLUP_FIELDS = 3
_NUMBERS = NUMBER_TYPES
_COUNTED = frozenset({*_NUMBERS, "id", "reference", "string", "email", "phone", "url", "picklist", "combobox",
                      "date", "datetime"})  # fmt: skip
_ORDERED = _COUNTED - {"id", "reference", "url"}
# [D] SOQL reference, "Support for Field Types in Aggregate Functions".
_ALLOWED: dict[str, frozenset[str]] = {
    "count": _COUNTED,
    "count_distinct": _COUNTED,
    "sum": _NUMBERS,
    "avg": _NUMBERS,
    "min": _ORDERED,
    "max": _ORDERED,
}


def is_aggregate_query(query: Query) -> bool:
    """True when the answer has rows of groups instead of records."""
    return bool(query.group) or any(
        isinstance(item, Selected) and is_aggregate(item.operand) for item in query.items
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupsSql:
    """The columns of an aggregate query and the SQL of its rows."""

    columns: tuple[Column, ...]
    sql: str
    parameters: tuple[Any, ...]


class Grouping:
    """Compiles one aggregate query."""

    def __init__(self, query: Query, expressions: Expressions, literals: Literals) -> None:
        """Resolve GROUP BY.

        Raises:
            SalesforceError: MALFORMED_QUERY for a field that can't be grouped.
        """
        self._query = query
        self._expressions = expressions
        self._soql = expressions.scope.soql
        self._literals = literals
        operands, self._sets = self._grouping_sets()
        self._groups = [self._group(operand) for operand in operands]

    def compile(self, from_where: Callable[[], tuple[str, Sequence[Any]]]) -> GroupsSql:
        """The whole statement; `from_where` gives FROM and WHERE once all joins are known.

        Raises:
            SalesforceError: MALFORMED_QUERY or INVALID_FIELD, as Salesforce answers.
        """
        columns = tuple(self._columns())
        selects = [self._select(active) for active in self._sets]
        having = [self._having(active) for active in self._sets]
        source, parameters = from_where()
        parts = [
            f"SELECT {', '.join(select)} {source}{self._group_by(active)}{condition}"
            for active, select, (condition, _) in zip(self._sets, selects, having, strict=True)
        ]
        order = ", ".join(self._outer_order())
        beyond = MAX_GROUPS + 1
        limit = beyond if self._query.limit is None else min(beyond, self._query.limit)
        sql = f"SELECT {', '.join(f'c{at}' for at in range(len(columns)))} FROM ({' UNION ALL '.join(parts)})"
        sql += f"{' ORDER BY ' + order if order else ''} LIMIT ? OFFSET ?"
        values = [value for _, own in having for value in (*parameters, *own)]
        return GroupsSql(columns=columns, sql=sql, parameters=(*values, limit, self._query.offset or 0))

    def _grouping_sets(self) -> tuple[Sequence[Operand], list[frozenset[int]]]:
        first = self._query.group[0] if self._query.group else None
        name = first.name.lower() if isinstance(first, Function) else ""
        if not isinstance(first, Function) or name not in ("rollup", "cube"):
            return self._query.group, [frozenset(range(len(self._query.group)))]
        operands = [argument for argument in first.arguments if not isinstance(argument, str)]
        if len(self._query.group) > 1 or not 0 < len(operands) <= _MAX_ROLLUP_FIELDS:
            message = f"GROUP BY {name.upper()} takes one to {_MAX_ROLLUP_FIELDS} fields and stands alone"
            raise errors.malformed(self._soql, first.place, message)
        every = range(len(operands))
        sizes = range(len(operands), -1, -1)
        if name == "rollup":
            return operands, [frozenset(range(size)) for size in sizes]
        return operands, [frozenset(chosen) for size in sizes for chosen in combinations(every, size)]

    def _group(self, operand: Operand) -> Resolved:
        resolved = self._expressions.resolve(operand)
        is_column = isinstance(operand, Path)
        if resolved.field.is_compound or (is_column and not resolved.field.groupable):
            raise errors.not_groupable(self._soql, operand.place, resolved.field.name)
        return resolved

    def _columns(self) -> Iterator[Column]:
        seen: set[str] = set()
        unnamed = 0
        for item in self._query.items:
            if not isinstance(item, Selected):
                place = self._query.sobject_place
                raise errors.malformed(
                    self._soql, place, "Subqueries and TYPEOF can't stand beside aggregates"
                )
            resolved = self._resolve(item.operand, self._sets[0])
            if item.alias is not None:
                label = item.alias
            elif isinstance(item.operand, Path):
                label = resolved.path[-1]
            else:
                label, unnamed = f"expr{unnamed}", unnamed + 1
            if label.lower() in seen:
                raise errors.duplicate_alias(self._soql, item.alias_place or item.operand.place, label)
            seen.add(label.lower())
            yield Column(path=(label,), field=resolved.field, label=label)

    def _resolve(self, operand: Operand, active: frozenset[int], *, is_order: bool = False) -> Resolved:
        """The SQL of an aggregate or of a grouped field in the SELECT that groups by `active`."""
        if isinstance(operand, Function) and operand.name.lower() in AGGREGATES:
            return self._aggregate(operand, active)
        if isinstance(operand, Function) and is_aggregate(operand):
            return self._shown(operand, active)
        resolved = self._expressions.resolve(operand)
        index = self._group_index(resolved)
        if index is not None:
            return resolved if index in active else replace(resolved, expression="NULL", table=None)
        if isinstance(operand, Function) and operand.name.lower() in SHOWING:
            return self._shown(operand, active)
        raise errors.not_grouped(self._soql, operand.place, operand.text, is_order=is_order)

    def _shown(self, function: Function, active: frozenset[int]) -> Resolved:
        """A function of one value around an aggregate or a grouped field."""
        return self._expressions.apply(function, lambda inner: self._resolve(inner, active))

    def _group_index(self, resolved: Resolved) -> int | None:
        same = (at for at, group in enumerate(self._groups) if group.expression == resolved.expression)
        return next(same, None)

    def _aggregate(self, function: Function, active: frozenset[int]) -> Resolved:
        name = function.name.lower()
        argument = function.arguments[0] if len(function.arguments) == 1 else None
        if argument is None or isinstance(argument, str) or is_aggregate(argument):
            raise errors.malformed(self._soql, function.place, f"{function.name}() takes one field here")
        inner = self._expressions.resolve(argument)
        if name == "grouping":
            return self._grouping(function, inner, active)
        if inner.field.type not in _ALLOWED[name]:
            raise errors.no_such_aggregate(self._soql, function.place, inner.field.name, name)
        if inner.table is not None and self._group_index(inner) is not None:
            message = f"Grouped field should not be aggregated: {inner.field.name}"
            raise errors.malformed(self._soql, function.place, message)
        if name == "count_distinct":
            return _computed(function, inner, "int", f"COUNT(DISTINCT {inner.expression})")
        sql = f"{name.upper()}({inner.expression})"
        kinds: dict[str, FieldType] = {"count": "int", "avg": "double"}
        return _computed(function, inner, kinds.get(name, inner.field.type), sql)

    def _grouping(self, function: Function, inner: Resolved, active: frozenset[int]) -> Resolved:
        index = self._group_index(inner)
        if index is None or len(self._sets) == 1:
            message = "GROUPING() takes a field of GROUP BY ROLLUP or CUBE"
            raise errors.malformed(self._soql, function.place, message)
        return _computed(function, inner, "int", "0" if index in active else "1")

    def _select(self, active: frozenset[int]) -> list[str]:
        """Columns c0.., order keys o0.., groups g0.. that keep the order certain, and the count of rows."""
        columns = [
            self._resolve(item.operand, active) for item in self._query.items if isinstance(item, Selected)
        ]
        orders = [self._ordered(item, active) for item in self._query.order]
        groups = [one.expression if at in active else "NULL" for at, one in enumerate(self._groups)]
        return [
            *(f"{one.expression} AS c{at}" for at, one in enumerate(columns)),
            *(f"{one.expression} AS o{at}" for at, one in enumerate(orders)),
            *(f"{expression} AS g{at}" for at, expression in enumerate(groups)),
            "COUNT(*) AS n",
        ]

    def _ordered(self, item: Ordering, active: frozenset[int]) -> Resolved:
        operand = item.operand
        if isinstance(operand, Path) and len(operand.parts) == 1:
            alias = operand.parts[0].lower()
            for selected in self._query.items:
                if isinstance(selected, Selected) and selected.alias and selected.alias.lower() == alias:
                    operand = selected.operand
        return self._resolve(operand, active, is_order=True)

    def _having(self, active: frozenset[int]) -> tuple[str, list[Any]]:
        conditions: list[str] = [] if active or not self._query.group else ["COUNT(*) > 0"]
        filters = Filters(
            resolve=lambda operand: self._resolve(operand, active), subselect=None, literals=self._literals
        )
        if self._query.having is not None:
            conditions.append(filters.sql(self._query.having))
        return (f" HAVING {' AND '.join(conditions)}" if conditions else ""), filters.parameters

    def _group_by(self, active: frozenset[int]) -> str:
        chosen = [self._groups[at].expression for at in sorted(active)]
        return f" GROUP BY {', '.join(chosen)}" if chosen else ""

    def _outer_order(self) -> Iterator[str]:
        for at, item in enumerate(self._query.order):
            direction = "DESC" if item.descending else "ASC"
            yield f"o{at} COLLATE NOCASE {direction} NULLS {'LAST' if item.nulls_last else 'FIRST'}"
        for at in range(len(self._groups)):
            yield f"g{at} COLLATE NOCASE NULLS {'LAST' if len(self._sets) > 1 else 'FIRST'}"


def check_aggregate_limit(query: Query) -> None:
    """Refuse LIMIT beside aggregates without groups.

    Raises:
        SalesforceError: MALFORMED_QUERY.
    """
    if query.limit is not None and not query.group:
        message = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
        raise SalesforceError("MALFORMED_QUERY", message)


def _computed(function: Function, inner: Resolved, kind: FieldType, sql: str) -> Resolved:
    field = FieldSchema(
        name=function.text, label=function.text, type=kind, scale=inner.field.scale, length=inner.field.length
    )
    return Resolved(path=(function.text,), field=field, expression=sql)
