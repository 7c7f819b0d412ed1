"""The records of one DML call, turned from rows into columns.

Belongs here: the batch, its row errors, and resolving record keys to fields. Not here: checks of values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import RowResult
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema

Records = Sequence[Mapping[str, Any]]


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
        self.errors: list[SalesforceError | None] = [None] * size
        self.created = [False] * size

    def fail(self, row: int, error: SalesforceError) -> None:
        """Give `row` its error; the first one stays."""
        if self.errors[row] is None:
            self.errors[row] = error

    def good_rows(self) -> list[int]:
        """The rows without an error."""
        return [row for row, error in enumerate(self.errors) if error is None]

    def take(self, rows: Sequence[int]) -> Batch:
        """A batch of some of the rows, in that order, with their values, ids and errors."""
        part = Batch(self.item, len(rows))
        part.columns = {field: [values[row] for row in rows] for field, values in self.columns.items()}
        part.parents = {field: [values[row] for row in rows] for field, values in self.parents.items()}
        part.ids = [self.ids[row] for row in rows]
        part.errors = [self.errors[row] for row in rows]
        return part

    def put_back(self, part: Batch, rows: Sequence[int]) -> None:
        """Bring the ids, errors and created marks of a `take` back."""
        for index, row in enumerate(rows):
            self.ids[row] = part.ids[index]
            self.errors[row] = part.errors[index]
            self.created[row] = part.created[index]

    def results(self) -> list[RowResult]:
        """One result for each row, in request order."""
        return [
            RowResult(id=id_ or None, success=True, created=created)
            if error is None
            else RowResult(id=id_ or None, success=False, errors=(error,))
            for id_, created, error in zip(self.ids, self.created, self.errors, strict=True)
        ]


def read_records(item: ObjectSchema, records: Records, *, creating: bool) -> Batch:
    """The records as columns; rows with unknown or read-only fields get their errors."""
    batch = Batch(item, len(records))
    same_keys = all(record.keys() == records[0].keys() for record in records)
    names = (
        list(records[0]) if records and same_keys else list(dict.fromkeys(key for r in records for key in r))
    )
    readonly: list[FieldSchema] = []
    for name in names:
        if name == "attributes":
            continue
        values = [record[name] for record in records] if same_keys else [r.get(name, ABSENT) for r in records]
        _place(batch, name, values, creating, readonly)
    _refuse_read_only(batch, readonly)
    return batch


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
