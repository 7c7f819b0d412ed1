"""The records of one DML call, turned from rows into columns.

Belongs here: the batch, its row errors, and resolving record keys to fields. Not here: checks of values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import RowResults
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema

Records = Sequence[Mapping[str, Any]]
_Value = TypeVar("_Value")


class RecordColumns(Sequence[Mapping[str, Any]]):
    """Records that are columns already: each of them names every column, with ABSENT where it gives no value.

    What a Bulk batch hands over, so that no mapping is made for each of its rows.
    """

    def __init__(self, columns: Mapping[str, list[Any]], size: int) -> None:
        """Keep `columns`, each of `size` values; field or relationship name to REST-shaped values."""
        self.columns = columns
        self._size = size

    def take(self, rows: Sequence[int]) -> RecordColumns:
        """Some of the records, in that order."""
        return RecordColumns(
            {name: _chosen(values, rows) for name, values in self.columns.items()}, len(rows)
        )

    def __len__(self) -> int:
        """The number of records."""
        return self._size

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> RecordColumns: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | RecordColumns:
        """One record as a mapping, or a run of records as columns."""
        if isinstance(index, slice):
            rows = range(self._size)[index]
            return RecordColumns({name: values[index] for name, values in self.columns.items()}, len(rows))
        return {name: values[index] for name, values in self.columns.items()}


class Batch:
    """Columns of values, one error at most for each row. A row with an error is left out of every write."""

    def __init__(self, item: ObjectSchema, size: int) -> None:
        """An empty batch of `size` rows of object `item`."""
        self.item = item
        self.size = size
        self.columns: dict[FieldSchema, list[Any]] = {}
        """Field to one value for each row: raw, later in storage form; ABSENT where not given."""
        self.parents: dict[FieldSchema, list[Any]] = {}
        """Reference field to the raw nested object ({"External_Id__c": "v"}) of each row, or ABSENT."""
        self.ids: list[Any] = [ABSENT] * size
        self.live: dict[str, int] = {}
        """The row number of each live record that was found; of an update, it holds every good row."""
        self.in_bin: set[str] = set()
        """The ids among those looked up whose records are in the recycle bin."""
        self.errors: list[SalesforceError | None] = [None] * size
        self.created = [False] * size
        self.matched_by: FieldSchema | None = None
        """The key of an upsert: that no two rows share its value is known before the rows are written."""

    def fail(self, row: int, error: SalesforceError) -> None:
        """Give `row` its error; the first one stays."""
        if self.errors[row] is None:
            self.errors[row] = error

    def good_rows(self) -> list[int]:
        """The rows without an error."""
        return [row for row, error in enumerate(self.errors) if error is None]

    def take(self, rows: Sequence[int]) -> Batch:
        """A batch of some of the rows, ascending, with all that is known; itself where that is all."""
        if len(rows) == self.size:
            return self
        part = Batch(self.item, len(rows))
        part.columns = {field: _chosen(values, rows) for field, values in self.columns.items()}
        part.parents = {field: _chosen(values, rows) for field, values in self.parents.items()}
        part.ids = _chosen(self.ids, rows)
        part.errors = _chosen(self.errors, rows)
        part.live = self.live
        part.matched_by = self.matched_by
        return part

    def put_back(self, part: Batch, rows: Sequence[int]) -> None:
        """Bring the ids, errors and created marks of a `take` back."""
        if part is self:
            return
        for index, row in enumerate(rows):
            self.ids[row] = part.ids[index]
            self.errors[row] = part.errors[index]
            self.created[row] = part.created[index]

    def results(self) -> RowResults:
        """One result for each row, in request order."""
        ids = [id_ or None for id_ in self.ids] if any(self.errors) else self.ids
        return RowResults(ids=ids, created=self.created, errors=self.errors)


def _chosen(values: list[_Value], rows: Sequence[int]) -> list[_Value]:
    return list(map(values.__getitem__, rows))


def read_records(item: ObjectSchema, records: Records, *, creating: bool) -> Batch:
    """The records as columns; rows with unknown or read-only fields get their errors."""
    batch = Batch(item, len(records))
    readonly: list[FieldSchema] = []
    for name, values in _columns(records):
        if name != "attributes":
            _place(batch, name, values, creating, readonly)
    _refuse_read_only(batch, readonly)
    return batch


def _columns(records: Records) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(records, RecordColumns):
        yield from records.columns.items()
        return
    same_keys = all(record.keys() == records[0].keys() for record in records)
    names = (
        list(records[0]) if records and same_keys else list(dict.fromkeys(key for r in records for key in r))
    )
    for name in names:
        yield (
            name,
            [record[name] for record in records] if same_keys else [r.get(name, ABSENT) for r in records],
        )


def refuse_create_only(batch: Batch) -> None:
    """Fail the rows of an update that write a field that only a create may write."""
    named = dict.fromkeys([*batch.columns, *batch.parents])
    _refuse_read_only(batch, [field for field in named if not field.updateable])


def _place(batch: Batch, name: str, values: list[Any], creating: bool, readonly: list[FieldSchema]) -> None:
    field = batch.item.field(name)
    if field is not None and field.name == "Id":
        batch.ids = values
        return
    reference = batch.item.relationship(name) if field is None else None
    if field is None and reference is None:
        _fail_present(batch, values, errors.no_such_column(name, batch.item))
        return
    if reference is not None:
        batch.parents[reference] = values
    target = field or reference
    if target is not None and not (target.createable if creating else target.updateable):
        readonly.append(target)
    if field is not None:
        batch.columns[field] = values


def _fail_present(batch: Batch, values: Iterable[Any], error: SalesforceError) -> None:
    for row, value in enumerate(values):
        if value is not ABSENT:
            batch.fail(row, error)


def _refuse_read_only(batch: Batch, fields: Sequence[FieldSchema]) -> None:
    """One error for each row that names all the read-only fields it writes ([R] AMP)."""
    if not fields:
        return
    columns = [(field.name, batch.columns.pop(field, None) or batch.parents.pop(field)) for field in fields]
    for row in range(batch.size):
        named = [name for name, values in columns if values[row] is not ABSENT]
        if named:
            batch.fail(row, errors.not_writable(named))
