"""What the org answers: the result of one row of DML, and the result of one query.

Belongs here: the values that pass between the core and the HTTP surface. Not here: wire formats (values.py,
csv_values.py). Imports errors and the schema's nouns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import FieldSchema


class RowResult(NamedTuple):
    """What became of one record of a create, update, upsert or delete call.

    A tuple, because a Bulk batch makes ten thousand of them at once.
    """

    id: str | None
    success: bool
    created: bool = False
    errors: tuple[SalesforceError, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One selected column: `path` is relationship names, then the field's API name, as ("Owner", "Name").

    `label` is the dotted path as the schema spells it, which is the CSV header.
    """

    path: tuple[str, ...]
    field: FieldSchema
    label: str


ReadPage = Callable[[int, int], list[tuple[Any, ...]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryResult:
    """The rows of one query, taken from a snapshot of row ids and read when asked for.

    The set and the order of the rows are fixed when the query runs; the values are those at reading time.
    A row that was removed for good meanwhile is left out. Values are in canonical storage form (values.py
    turns them into REST or CSV values).
    """

    sobject: str
    columns: tuple[Column, ...]
    total_size: int
    is_count: bool
    read_page: ReadPage
    """`read_page(offset, count)`: any page, any number of times, from any thread. A row holds the values of
    `columns`, then hidden ids that `id_index` points at."""
    id_index: Mapping[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])
    """Where a row of `read_page` holds the Id of the record (key `()`) and of each selected parent (key: its
    relationship path); None stands there when there is no parent. Empty for a Bulk query."""
    chunk_rows: int = 2000

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows in order, without hidden ids, read in chunks; each access starts at the first row."""
        if self.is_count:
            return
        width = len(self.columns)
        has_hidden = any(index >= width for index in self.id_index.values())
        for offset in range(0, self.total_size, self.chunk_rows):
            page = self.read_page(offset, self.chunk_rows)
            yield from (row[:width] for row in page) if has_hidden else page
