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


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """A literal as written, a string with its quotes and escapes. `name` is a date literal (`X`, `X:n`)."""

    kind: ValueKind
    text: str
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One condition on one field: operators = != < <= > >= like, in, not in, includes, excludes."""

    operand: Path
    operator: str
    values: tuple[Value, ...]


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

    path: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsupported:
    """A construct that parses and isn't answered: its name for the refusal."""

    what: str
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """A whole query."""

    items: tuple[Path | Function, ...]
    sobject: str
    sobject_place: Place
    alias: str | None = None
    where: Condition | None = None
    order: tuple[Ordering, ...] = ()
    limit: int | None = None
    offset: int | None = None
    all_rows: bool = False
    unsupported: tuple[Unsupported, ...] = ()
