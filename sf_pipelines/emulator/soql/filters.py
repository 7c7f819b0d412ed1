"""WHERE to an SQL expression with bound parameters.

Salesforce compares in two-valued logic: a comparison with null is false, its negation true; `!=` and NOT IN
match null. Text compares without case. SQLite's NOCASE knows ASCII only, so other literals compare folded
values.
Belongs here: conditions. Not here: names (scope.py), literals (literals.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.literals import Literals, Span
from sf_pipelines.emulator.soql.nodes import Combination, Comparison, Condition, Negation, Operand, Value
from sf_pipelines.emulator.soql.scope import Resolved
from sf_pipelines.emulator.store import fold, has_key_column, key_column, quoted

_EQUALITY = frozenset({"=", "!=", "in", "not in"})
_SPAN_BOUNDS = {"<": ("<", "start"), "<=": ("<", "end"), ">": (">=", "end"), ">=": (">=", "start")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """Compiles the conditions of one query; `parameters` fills up in the order of the SQL text."""

    resolve: Callable[[Operand], Resolved]
    """Says what a field or function of a condition is."""
    subselect: Callable[[Filters, Comparison, Resolved], str] | None
    """The SQL of a semi-join's inner query, its parameters added to ours; None where none may stand."""
    literals: Literals
    parameters: list[Any] = field(default_factory=list[Any])

    def sql(self, condition: Condition) -> str:
        """The SQL of `condition`; null means false."""
        if isinstance(condition, Combination):
            return self._joined([self.sql(part) for part in condition.parts], condition.joiner)
        if isinstance(condition, Negation):
            return f"(NOT ifnull({self.sql(condition.part)}, 0))"
        return self._comparison(condition)

    def _joined(self, parts: Sequence[str], joiner: str) -> str:
        """A balanced tree: a flat chain of thousands would exceed SQLite's depth of expressions."""
        if len(parts) == 1:
            return parts[0]
        middle = len(parts) // 2
        return f"({self._joined(parts[:middle], joiner)} {joiner} {self._joined(parts[middle:], joiner)})"

    def _comparison(self, comparison: Comparison) -> str:
        target = self.resolve(comparison.operand)
        self._check(comparison, target)
        if comparison.subquery is not None:
            return self._semi_join(comparison, target)
        if comparison.operator == "like":
            return self._like(target, comparison.values[0])
        if comparison.operator in ("includes", "excludes"):
            return self._includes(target, comparison)
        stored = [
            self.literals.stored(comparison.operand.place, target.field, value) for value in comparison.values
        ]
        if comparison.operator in ("=", "in"):
            return self._any_of(target, stored)
        if comparison.operator in ("!=", "not in"):
            return f"(NOT ifnull({self._any_of(target, stored)}, 0))"
        return self._ordered(target, comparison.operator, stored[0])

    def _semi_join(self, comparison: Comparison, target: Resolved) -> str:
        if self.subselect is None:
            message = "Semi join sub-selects are not allowed in HAVING"
            raise errors.malformed(self.literals.soql, comparison.operand.place, message)
        sql = f"{target.expression} IN ({self.subselect(self, comparison, target)})"
        return sql if comparison.operator == "in" else f"(NOT ifnull({sql}, 0))"

    def _check(self, comparison: Comparison, target: Resolved) -> None:
        kind, operator = target.field.type, comparison.operator
        place = comparison.operand.place
        soql = self.literals.soql
        if not target.field.filterable or target.field.is_compound:
            raise errors.not_filterable(soql, place, target.field)
        if operator == "like" and not target.field.is_text:
            raise errors.wrong_operator(
                soql, place, f"invalid operator on {'id' if target.field.is_id else kind} field"
            )
        if (operator in ("includes", "excludes")) != (
            kind == "multipicklist" and operator not in ("=", "!=")
        ):
            raise errors.wrong_operator(soql, place, f"invalid operator on {kind} field")
        if kind == "boolean" and operator not in _EQUALITY:
            raise errors.wrong_operator(soql, place, "invalid operator on boolean field")

    def _any_of(self, target: Resolved, stored: Sequence[Any]) -> str:
        """True when the field equals one of the values; null is a value here."""
        parts: list[str] = []
        if None in stored:
            parts.append(f"{target.expression} IS NULL")
        parts.extend(self._in_span(target, value) for value in stored if isinstance(value, Span))
        plain = [value for value in stored if value is not None and not isinstance(value, Span)]
        if plain:
            parts.append(self._equal(target, plain))
        return f"({' OR '.join(parts)})"

    def _equal(self, target: Resolved, values: Sequence[Any]) -> str:
        column, values = self._comparable(target, values)
        self.parameters.extend(values)
        return f"{column} = ?" if len(values) == 1 else f"{column} IN ({','.join('?' * len(values))})"

    def _comparable(self, target: Resolved, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """The column and the values to compare: the indexed key column, folded text, or just the column."""
        if target.table is not None and has_key_column(target.field):
            column = f"{target.table}.{quoted(key_column(target.field))}"
            return column, [fold(target.field, value) for value in values]
        if target.field.is_text and not all(value.isascii() for value in values):
            return f"sf_fold({target.expression})", [value.casefold() for value in values]
        return target.expression, values

    def _in_span(self, target: Resolved, span: Span) -> str:
        self.parameters.extend((span.start, span.end))
        return f"({target.expression} >= ? AND {target.expression} < ?)"

    def _ordered(self, target: Resolved, operator: str, value: Any) -> str:
        if value is None:
            return "0"
        if isinstance(value, Span):
            comparator, bound = _SPAN_BOUNDS[operator]
            self.parameters.append(value.start if bound == "start" else value.end)
            return f"{target.expression} {comparator} ?"
        self.parameters.append(value)
        return f"{target.expression} {operator} ?"

    def _like(self, target: Resolved, value: Value) -> str:
        if value.kind == "null":
            return f"{target.expression} IS NULL"
        pattern = self.literals.like_pattern(target.field, value)
        column = target.expression
        if not pattern.isascii():
            column, pattern = f"sf_fold({column})", pattern.casefold()
        self.parameters.append(pattern)
        return f"{column} LIKE ? ESCAPE '\\'"

    def _includes(self, target: Resolved, comparison: Comparison) -> str:
        """Each literal names values joined by `;` that must all be chosen; one fitting literal is enough."""
        alternatives: list[str] = []
        for value in comparison.values:
            if value.kind != "string":
                raise self.literals.wrong(target.field, value)
            wanted = [part for part in self.literals.text(value).split(";") if part]
            self.parameters.extend(f";{part.casefold()};" for part in wanted)
            column = f"';' || sf_fold({target.expression}) || ';'"
            alternatives.append("(" + (" AND ".join(f"instr({column}, ?)" for _ in wanted) or "0") + ")")
        sql = f"({' OR '.join(alternatives)})"
        return sql if comparison.operator == "includes" else f"(NOT ifnull({sql}, 0))"
