"""Binds the names of a CSV header to fields.

Belongs here: header names, relationship columns. Not here: reading CSV, cells (row_columns.py). Imports
schema, and the error that fails a job.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sf_pipelines.emulator.bulk.strict_csv import JobFailedError
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema, OrgSchema


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundColumn:
    """One column: the field whose type its cells have, and where their values go in a record."""

    field: FieldSchema
    target: str
    """The field's API name, or the relationship name of a parent that is named by its key."""
    lookup: FieldSchema | None = None
    """The reference field that the relationship fills; None for a plain column."""
    parent: str | None = None
    """The object that `Lead:Who.Email` names; None where the reference has one kind of parent only."""

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
    if lookup is None:
        return None
    known = [one for one in lookup.reference_to if schema.find(one) is not None]
    parents = [one for one in known if one.lower() == kind.lower()] if colon else known
    if len(parents) != 1:
        return None
    key = schema.object(parents[0]).field(key_name)
    if key is None or not key.is_key:
        return None
    parent = parents[0] if len(known) > 1 else None
    return BoundColumn(
        field=key, target=lookup.relationship_name or relationship, lookup=lookup, parent=parent
    )
