"""The SELECT list of a query of records: fields, FIELDS(), TYPEOF, functions of one value.

Belongs here: what is selected and under which name. Not here: aggregates (aggregates.py), subqueries
(compiler.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import Column
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.soql import errors
from sf_pipelines.emulator.soql.functions import Expressions, is_date_function
from sf_pipelines.emulator.soql.nodes import Function, Path, Query, Selected, TypeBranch, TypeOf
from sf_pipelines.emulator.soql.scope import Resolved

MAX_FIELDS_LIMIT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectedColumn:
    """A column and the SQL that reads it."""

    column: Column
    expression: str


class Selection:
    """Compiles the plain items of one SELECT list."""

    def __init__(self, query: Query, expressions: Expressions) -> None:
        """For `query`, names resolved by `expressions`."""
        self._query = query
        self._expressions = expressions
        self._scope = expressions.scope
        self._soql = expressions.scope.soql
        self._seen: set[tuple[tuple[str, ...], str | None]] = set()

    def columns(self, item: Selected | TypeOf) -> Iterator[SelectedColumn]:
        """The columns of one item.

        Raises:
            SalesforceError: INVALID_FIELD or MALFORMED_QUERY.
        """
        if isinstance(item, TypeOf):
            yield from self._type_of(item)
        elif isinstance(item.operand, Function) and item.operand.name.lower() == "fields":
            for field in self._field_set(item.operand):
                yield self._plain(self._scope.resolve(Path(parts=(field.name,), place=item.operand.place)))
        else:
            yield self._one(item)

    def _one(self, item: Selected) -> SelectedColumn:
        operand = item.operand
        if item.alias is not None and (isinstance(operand, Path) or is_date_function(operand)):
            place = item.alias_place or operand.place
            raise errors.malformed(self._soql, place, "only aggregate expressions use field aliasing")
        resolved = self._expressions.resolve(operand)
        if is_date_function(operand):
            raise errors.not_grouped(self._soql, operand.place, operand.text)
        if item.alias is not None:
            resolved = Resolved(path=(item.alias,), field=resolved.field, expression=resolved.expression)
        return self._plain(resolved)

    def _plain(self, resolved: Resolved, of_types: frozenset[str] | None = None) -> SelectedColumn:
        label = ".".join(resolved.path)
        for one in of_types or (None,):
            if (resolved.path, one) in self._seen:
                raise SalesforceError("INVALID_FIELD", f"duplicate field selected: {label}")
            self._seen.add((resolved.path, one))
        column = Column(path=resolved.path, field=resolved.field, label=label, of_types=of_types)
        return SelectedColumn(column=column, expression=resolved.expression)

    def _type_of(self, item: TypeOf) -> Iterator[SelectedColumn]:
        left = dict.fromkeys(self._scope.targets(item.place, item.reference))
        for branch in item.branches:
            sobject = self._branch_sobject(branch)
            if sobject not in left:
                message = f"{branch.sobject} is not a type that '{item.reference}' can hold, or stands twice"
                raise errors.malformed(self._soql, branch.place, message)
            del left[sobject]
            for path in branch.fields:
                resolved = self._scope.resolve_in(item.place, item.reference, sobject, path)
                yield self._plain(resolved, frozenset({sobject}))
        for path in item.otherwise if left else ():
            parts = (item.reference, *path.parts)
            yield self._plain(self._scope.resolve(Path(parts=parts, place=path.place)), frozenset(left))

    def _branch_sobject(self, branch: TypeBranch) -> str:
        found = self._scope.schema.find(branch.sobject)
        if found is None:
            raise errors.no_such_object(self._soql, branch.place, branch.sobject)
        return found.name

    def _field_set(self, function: Function) -> Iterator[FieldSchema]:
        argument = function.arguments[0] if len(function.arguments) == 1 else None
        which = argument.text.upper() if isinstance(argument, Path) else ""
        if which not in ("ALL", "STANDARD", "CUSTOM"):
            message = "FIELDS() takes one of ALL, CUSTOM, STANDARD"
            raise errors.malformed(self._soql, function.place, message)
        if which != "STANDARD" and (self._query.limit is None or self._query.limit > MAX_FIELDS_LIMIT):
            message = f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_LIMIT}"
            raise errors.malformed(self._soql, function.place, message)
        fields = self._scope.item.fields
        return (field for field in fields if which == "ALL" or field.custom == (which == "CUSTOM"))
