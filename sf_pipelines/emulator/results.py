"""What passes between the org and its callers: a word about duplicates, a row's result, a query's result.

Belongs here: the values that pass between the core and the HTTP surface. Not here: wire formats (values.py,
csv_values.py). Imports errors and the schema's nouns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, overload

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import FieldSchema


class RowResult(NamedTuple):
    """What became of one record of a create, update, upsert or delete call."""

    id: str | None
    success: bool
    created: bool = False
    errors: tuple[SalesforceError, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RowResults(Sequence[RowResult]):
    """What became of the records of one call, in their order.

    Columns of one length, since a Bulk batch has ten thousand records; a RowResult is made when asked for.
    """

    ids: Sequence[str | None]
    created: Sequence[bool]
    errors: Sequence[SalesforceError | None]
    """None for a record that was written."""

    @classmethod
    def of(cls, results: Iterable[RowResult]) -> RowResults:
        """The same results as columns; each refused one has one error."""
        rows = list(results)
        return cls(
            ids=[row.id for row in rows],
            created=[row.created for row in rows],
            errors=[None if row.success else row.errors[0] for row in rows],
        )

    @classmethod
    def joined(cls, parts: Sequence[RowResults]) -> RowResults:
        """All of `parts`, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            ids=[id_ for part in parts for id_ in part.ids],
            created=[created for part in parts for created in part.created],
            errors=[error for part in parts for error in part.errors],
        )

    @property
    def are_successes(self) -> bool:
        """True when no record was refused."""
        return not any(self.errors)

    def __len__(self) -> int:
        """The number of records."""
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> RowResult: ...
    @overload
    def __getitem__(self, index: slice) -> RowResults: ...
    def __getitem__(self, index: int | slice) -> RowResult | RowResults:
        """The result of one record, or of a run of them."""
        if isinstance(index, slice):
            return RowResults(ids=self.ids[index], created=self.created[index], errors=self.errors[index])
        error = self.errors[index]
        return RowResult(
            id=self.ids[index],
            success=error is None,
            created=self.created[index],
            errors=() if error is None else (error,),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DuplicateHeader:
    """What a caller says about duplicates, by `Sforce-Duplicate-Rule-Header`."""

    allow_save: bool = False
    data_url: str = "/services/data/v66.0"
    """What the URLs of matching records begin with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One selected column: `path` is relationship names, then the field's API name, as ("Owner", "Name").

    `label` is the dotted path as the schema spells it, or the alias, which is the CSV header.
    """

    path: tuple[str, ...]
    field: FieldSchema
    label: str
    of_types: frozenset[str] | None = None
    """TYPEOF: the objects whose records have this column; None means all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChildColumn:
    """One subquery of child records. A row holds a QueryResult at `index`."""

    name: str
    """The relationship name as the schema spells it."""
    index: int
    after: int
    """How many columns SELECT names before it."""
    shape: RowShape


@dataclass(frozen=True, kw_only=True, slots=True)
class RowShape:
    """What the rows of a query hold.

    Values are in canonical storage form (values.py turns them into REST or CSV values).
    """

    sobject: str
    columns: tuple[Column, ...]
    id_index: Mapping[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])
    """Where a row holds the Id of the record (key `()`) and of each selected parent (key: its relationship
    path); None stands there when there is no parent. Empty for a Bulk query and for aggregates."""
    polymorphic: frozenset[tuple[str, ...]] = frozenset()
    """The relationship paths whose records are of the object that their id tells."""
    children: tuple[ChildColumn, ...] = ()
    is_aggregate: bool = False


ReadPage = Callable[[int, int], list[tuple[Any, ...]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryResult:
    """The rows of one query, taken from a snapshot of row ids and read when asked for.

    The set and the order of the rows are fixed when the query runs; the values are those at reading time.
    A row that was removed for good meanwhile is left out. The rows of aggregates are fixed altogether.
    """

    shape: RowShape
    total_size: int
    read_page: ReadPage
    """`read_page(offset, count)`: any page, any number of times, from any thread. A row holds the values of
    the shape's columns, then hidden ids that `id_index` points at, then the results of subqueries."""
    is_count: bool = False
    chunk_rows: int = 2000

    @property
    def sobject(self) -> str:
        """The API name of the object that FROM names."""
        return self.shape.sobject

    @property
    def columns(self) -> tuple[Column, ...]:
        """The selected columns, without subqueries."""
        return self.shape.columns

    @property
    def id_index(self) -> Mapping[tuple[str, ...], int]:
        """As in RowShape."""
        return self.shape.id_index

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows in order, without hidden ids, read in chunks; each access starts at the first row."""
        if self.is_count:
            return
        width = len(self.columns)
        has_hidden = bool(self.shape.children) or any(index >= width for index in self.id_index.values())
        for offset in range(0, self.total_size, self.chunk_rows):
            page = self.read_page(offset, self.chunk_rows)
            yield from (row[:width] for row in page) if has_hidden else page
