"""Binds the names of a CSV header to fields, and turns cells into records.

Belongs here: header names, relationship columns, cells to REST-shaped records. Not here: reading CSV, DML.
Imports csv_values, errors, schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.bulk.csv_source import JobFailedError
from sf_pipelines.emulator.csv_values import ABSENT, NULL_MARK, parse_csv_value
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema, OrgSchema

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundColumn:
    """One column: the field whose type its cells have, and where their values go in a record."""

    field: FieldSchema
    target: str
    """The field's API name, or the relationship name of a parent that is named by its key."""
    lookup: FieldSchema | None = None
    """The reference field that the relationship fills; None for a plain column."""

    @property
    def key(self) -> str:
        """What two columns must not share."""
        return self.target if self.lookup is None else self.lookup.name


def bind_header(
    schema: OrgSchema, sobject: ObjectSchema, operation: str, names: Sequence[str]
) -> list[BoundColumn]:
    """The columns of a job's header.

    Raises:
        JobFailedError: a name is unknown, appears twice, or has no place in this operation.
    """
    columns = [_bind(schema, sobject, name) for name in names]
    if operation in ("delete", "hardDelete") and [column.key for column in columns] != ["Id"]:
        raise JobFailedError("InvalidBatch : A delete job takes the column Id and no other")
    seen: set[str] = set()
    for column, name in zip(columns, names, strict=True):
        if column.key in seen:
            raise JobFailedError(f"InvalidBatch : Duplicate field name : {name}")
        seen.add(column.key)
    return columns


def _bind(schema: OrgSchema, sobject: ObjectSchema, name: str) -> BoundColumn:
    column = _bind_parent(schema, sobject, name) if "." in name else _bind_field(sobject, name)
    if column is None:
        # [R] AMP
        raise JobFailedError(f"InvalidBatch : Field name not found : {name}")
    return column


def _bind_field(sobject: ObjectSchema, name: str) -> BoundColumn | None:
    field = sobject.field(name)
    if field is None or field.is_compound:
        return None
    return BoundColumn(field=field, target=field.name)


def _bind_parent(schema: OrgSchema, sobject: ObjectSchema, name: str) -> BoundColumn | None:
    """`Parent__r.Ext__c`, or `Lead:Who.Email` where the parent may have several types."""
    path, _, key_name = name.partition(".")
    kind, colon, relationship = path.rpartition(":")
    lookup = sobject.relationship(relationship)
    if lookup is None or (colon and kind not in lookup.reference_to):
        return None
    parents = [kind] if colon else [one for one in lookup.reference_to if schema.find(one) is not None]
    if len(parents) != 1:
        return None
    key = schema.object(parents[0]).field(key_name)
    if key is None or not key.is_key:
        return None
    return BoundColumn(field=key, target=lookup.relationship_name or relationship, lookup=lookup)


def records_of(
    columns: Sequence[BoundColumn], rows: Sequence[Sequence[str]]
) -> tuple[list[Record], dict[int, SalesforceError]]:
    """A record for each row (ABSENT for an empty cell), and the error of each row to be left out."""
    errors = _uneven(columns, rows)
    even = [["" for _ in columns] if at in errors else row for at, row in enumerate(rows)] if errors else rows
    converted = [
        _convert(column, number, cells, errors)
        for number, (column, cells) in enumerate(zip(columns, zip(*even, strict=True), strict=True), start=1)
    ]
    names = [column.target for column in columns]
    places = [(at, column) for at, column in enumerate(columns) if column.lookup is not None]
    records: list[Record] = []
    for values in zip(*converted, strict=True):
        record = dict(zip(names, values, strict=True))
        for at, column in places:
            _nest(record, column, values[at])
        records.append(record)
    return records, errors


def _uneven(columns: Sequence[BoundColumn], rows: Sequence[Sequence[str]]) -> dict[int, SalesforceError]:
    width = len(columns)
    return {
        at: SalesforceError("CLIENTINPUTERROR", f"The row has {len(row)} columns, the header has {width}")
        for at, row in enumerate(rows)
        if len(row) != width
    }


def _convert(
    column: BoundColumn, number: int, cells: Sequence[str], errors: dict[int, SalesforceError]
) -> list[Any]:
    field = column.field
    if field.is_text or field.is_id:
        return [cell if cell and cell != NULL_MARK else (None if cell else ABSENT) for cell in cells]
    values: list[Any] = []
    for at, cell in enumerate(cells):
        try:
            values.append(parse_csv_value(field, cell, number))
        except SalesforceError as error:
            errors.setdefault(at, error)
            values.append(ABSENT)
    return values


def _nest(record: Record, column: BoundColumn, value: Any) -> None:
    """Name the parent by its key; `#N/A` empties the reference itself."""
    del record[column.target]
    if column.lookup is None or value is ABSENT:
        return
    if value is None:
        record[column.lookup.name] = None
    else:
        record[column.target] = {column.field.name: value}
