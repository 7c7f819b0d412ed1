"""WHERE to an SQL expression with bound parameters.

Salesforce compares in two-valued logic: a comparison with null is false, its negation true; `!=` and NOT IN
match null. Text compares without case. SQLite's NOCASE knows ASCII only, so other literals compare folded
values.
Belongs here: conditions. Not here: names (scope.py), literals (literals.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.literals import Literals, Span
from sf_pipelines.emulator.soql.nodes import Combination, Comparison, Condition, Negation, Value
from sf_pipelines.emulator.soql.scope import Resolved, Scope
from sf_pipelines.emulator.store import fold, has_key_column, key_column

_EQUALITY = frozenset({"=", "!=", "in", "not in"})
_SPAN_BOUNDS = {"<": ("<", "start"), "<=": ("<", "end"), ">": (">=", "end"), ">=": (">=", "start")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """Compiles the conditions of one query; `parameters` fills up in the order of the SQL text."""

    scope: Scope
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
        target = self.scope.resolve(comparison.operand)
        self._check(comparison, target)
        if comparison.operator == "like":
            return self._like(target, comparison.values[0])
        if comparison.operator in ("includes", "excludes"):
            return self._includes(target, comparison)
        stored = [
            self.literals.stored(comparison.operand, target.field, value) for value in comparison.values
        ]
        if comparison.operator in ("=", "in"):
            return self._any_of(target, stored)
        if comparison.operator in ("!=", "not in"):
            return f"(NOT ifnull({self._any_of(target, stored)}, 0))"
        return self._ordered(target, comparison.operator, stored[0])

    def _check(self, comparison: Comparison, target: Resolved) -> None:
        kind, operator, path = target.field.type, comparison.operator, comparison.operand
        soql = self.literals.soql
        if not target.field.filterable or target.field.is_compound:
            raise errors.not_filterable(soql, path, target.field)
        if operator == "like" and not target.field.is_text:
            raise errors.wrong_operator(
                soql, path, f"invalid operator on {'id' if target.field.is_id else kind} field"
            )
        if (operator in ("includes", "excludes")) != (
            kind == "multipicklist" and operator not in ("=", "!=")
        ):
            raise errors.wrong_operator(soql, path, f"invalid operator on {kind} field")
        if kind == "boolean" and operator not in _EQUALITY:
            raise errors.wrong_operator(soql, path, "invalid operator on boolean field")

    def _any_of(self, target: Resolved, stored: Sequence[Any]) -> str:
        """True when the field equals one of the values; null is a value here."""
        parts: list[str] = []
        if None in stored:
            parts.append(f"{target.sql()} IS NULL")
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
        if has_key_column(target.field):
            return target.column(key_column(target.field)), [fold(target.field, value) for value in values]
        if target.field.is_text and not all(value.isascii() for value in values):
            return f"sf_fold({target.sql()})", [value.casefold() for value in values]
        return target.sql(), values

    def _in_span(self, target: Resolved, span: Span) -> str:
        self.parameters.extend((span.start, span.end))
        return f"({target.sql()} >= ? AND {target.sql()} < ?)"

    def _ordered(self, target: Resolved, operator: str, value: Any) -> str:
        if value is None:
            return "0"
        if isinstance(value, Span):
            comparator, bound = _SPAN_BOUNDS[operator]
            self.parameters.append(value.start if bound == "start" else value.end)
            return f"{target.sql()} {comparator} ?"
        self.parameters.append(value)
        return f"{target.sql()} {operator} ?"

    def _like(self, target: Resolved, value: Value) -> str:
        if value.kind == "null":
            return f"{target.sql()} IS NULL"
        pattern = self.literals.like_pattern(target.field, value)
        column = target.sql()
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
            column = f"';' || sf_fold({target.sql()}) || ';'"
            alternatives.append("(" + (" AND ".join(f"instr({column}, ?)" for _ in wanted) or "0") + ")")
        sql = f"({' OR '.join(alternatives)})"
        return sql if comparison.operator == "includes" else f"(NOT ifnull({sql}, 0))"
