"""The syntax tree of a SOQL query.

Belongs here: frozen nodes with their place in the text. Not here: parsing, meaning. Imports nothing of the
emulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ValueKind = Literal["string", "number", "date", "datetime", "boolean", "null", "name"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a node starts: 1-based row and column."""

    row: int
    column: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Path:
    """A field, or a field of a parent: ("Account", "Owner", "Name"), as written."""

    parts: tuple[str, ...]
    place: Place

    @property
    def text(self) -> str:
        """The dotted form."""
        return ".".join(self.parts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A function call, such as COUNT(), FIELDS(ALL) or SUM(Amount)."""

    name: str
    arguments: tuple[Path | Function | str, ...]
    place: Place

    @property
    def text(self) -> str:
        """The call in one spelling."""
        inner = (argument if isinstance(argument, str) else argument.text for argument in self.arguments)
        return f"{self.name}({', '.join(inner)})"


Operand = Path | Function


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """A literal as written, a string with its quotes and escapes. `name` is a date literal (`X`, `X:n`)."""

    kind: ValueKind
    text: str
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One condition on one field or function: operators = != < <= > >= like, in, not in, includes, excludes.

    `subquery` is what stands in the parentheses of IN and NOT IN when they hold no values.
    """

    operand: Operand
    operator: str
    values: tuple[Value, ...]
    subquery: Query | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Combination:
    """Conditions joined by one of AND, OR."""

    joiner: Literal["AND", "OR"]
    parts: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Negation:
    """NOT condition."""

    part: Condition


Condition = Comparison | Combination | Negation


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordering:
    """One ORDER BY item. Nulls come first unless NULLS LAST is written."""

    operand: Operand
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Selected:
    """One plain item of SELECT."""

    operand: Operand
    alias: str | None = None
    alias_place: Place | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subquery:
    """A query of child records in SELECT; its FROM names a child relationship."""

    query: Query
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeBranch:
    """WHEN sobject THEN fields."""

    sobject: str
    place: Place
    fields: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TypeOf:
    """TYPEOF reference WHEN ... ELSE fields END: fields that depend on what a polymorphic reference holds."""

    reference: str
    place: Place
    branches: tuple[TypeBranch, ...]
    otherwise: tuple[Path, ...]


SelectItem = Selected | Subquery | TypeOf


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A whole query."""

    items: tuple[SelectItem, ...]
    sobject: str
    """The object or child relationship that FROM names, dotted as written."""
    sobject_place: Place
    alias: str | None = None
    record_scope: str | None = None
    """The name after USING SCOPE, as written."""
    where: Condition | None = None
    group: tuple[Operand, ...] = ()
    having: Condition | None = None
    order: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int | None = None
    all_rows: bool = False
