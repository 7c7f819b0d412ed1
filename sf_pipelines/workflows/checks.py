"""A declared sync held against what the org describes, before anything is read or sent."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe
from sf_pipelines.model.extract import ReadTrouble
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import ExtractSync, LoadSync
from sf_pipelines.workflows.errors import SyncError, UnreadableError

ALWAYS_EXTRACTED = ("Id", "SystemModstamp")
WHERE_DESCRIBED = ("IsDeleted",)
"""Read too where an object has it, so that deletes are seen."""


def check_load(sync: LoadSync, describe: SObjectDescribe) -> None:
    """Refuse a load that the org could only refuse row by row.

    Raises:
        SyncError: an unknown or read-only field, a key that cannot identify rows, an object that
            cannot be written.
    """
    _check_object(sync, describe)
    for mapping in sync.fields:
        name, _, parent_key = mapping.field.partition(".")
        if sync.operation is Operation.DELETE and mapping.field.casefold() != "id":
            raise SyncError(f"{sync.name} is a delete and may only carry Id, not {mapping.field}.")
        if parent_key:
            _check_parent(sync, describe, name)
        else:
            _check_writable(sync, known_field(sync.name, describe, name))
    _check_key(sync, describe)
    if sync.only_changed and sync.operation not in (Operation.UPSERT, Operation.UPDATE):
        raise SyncError(
            f"{sync.name} is a {sync.operation.value}: only_changed is for upsert and update, remove it."
        )


def extract_fields(sync: ExtractSync, describe: SObjectDescribe) -> tuple[str, ...]:
    """Fields to select: the declared ones, or all that both rails carry; always those that tell of changes.

    Raises:
        UnreadableError: a field that this user does not see, or an object without SystemModstamp.
    """
    for needed in ALWAYS_EXTRACTED:
        if describe.field(needed) is None:
            raise UnreadableError(
                f"{sync.name} cannot extract {describe.name} (no_system_modstamp): it has no {needed} "
                "to read changes by.",
                ReadTrouble.NO_SYSTEM_MODSTAMP,
            )
    if not sync.fields:
        chosen = [item.name for item in describe.fields.values() if item.is_carried_by_bulk]
    else:
        chosen = [_readable(sync.name, describe, name) for name in sync.fields]
    always = [*ALWAYS_EXTRACTED, *(name for name in WHERE_DESCRIBED if describe.field(name) is not None)]
    missing = [name for name in always if name not in chosen]
    return tuple(dict.fromkeys((*missing, *chosen)))


def _readable(sync_name: str, describe: SObjectDescribe, name: str) -> str:
    """The org describes no field that the user may not read: to him it is as if there were none."""
    try:
        return known_field(sync_name, describe, name).name
    except SyncError as error:
        raise UnreadableError(
            f"{error} It may be hidden from this user (field_not_readable): grant read access, or remove it.",
            ReadTrouble.FIELD_NOT_READABLE,
        ) from None


def known_field(sync_name: str, describe: SObjectDescribe, name: str) -> FieldDescribe:
    """The described field, or SyncError with the nearest names."""
    found = describe.field(name)
    if found is None:
        near = _suggest(name, list(describe.fields))
        raise SyncError(f"{sync_name} names the field {name}, which {describe.name} does not have{near}.")
    return found


def _check_object(sync: LoadSync, describe: SObjectDescribe) -> None:
    allowed = {
        Operation.INSERT: describe.createable,
        Operation.UPDATE: describe.updateable,
        Operation.UPSERT: describe.createable and describe.updateable,
        Operation.DELETE: describe.deletable,
    }
    if not allowed.get(sync.operation, False):
        raise SyncError(
            f"{sync.name} cannot {sync.operation.value} {describe.name}: the org does not allow it."
        )


def _check_parent(sync: LoadSync, describe: SObjectDescribe, relationship: str) -> None:
    names = [item.relationship_name for item in describe.fields.values() if item.relationship_name]
    if relationship.casefold() not in (name.casefold() for name in names):
        near = _suggest(relationship, names)
        raise SyncError(
            f"{sync.name} names the parent {relationship}, which {describe.name} does not have{near}."
        )


def _check_writable(sync: LoadSync, found: FieldDescribe) -> None:
    if found.name == "Id" and sync.operation in (Operation.UPDATE, Operation.DELETE):
        return
    if not (found.createable or found.updateable):
        raise SyncError(f"{sync.name} writes {found.name}, which is read-only in the org: remove it.")
    if sync.operation is Operation.UPDATE and not found.updateable:
        raise SyncError(f"{sync.name} updates {found.name}, which the org takes on create only: remove it.")
    if sync.operation is Operation.INSERT and not found.createable:
        raise SyncError(f"{sync.name} inserts {found.name}, which the org takes on update only: remove it.")


def _check_key(sync: LoadSync, describe: SObjectDescribe) -> None:
    if sync.operation in (Operation.UPDATE, Operation.DELETE) and sync.key != "Id":
        raise SyncError(
            f"{sync.name}: {sync.operation.value} is by Id, not by {sync.key}; use upsert instead."
        )
    key = known_field(sync.name, describe, sync.key)
    if sync.operation is Operation.UPSERT and not (key.external_id or key.id_lookup):
        ids = [item.name for item in describe.fields.values() if item.external_id]
        known = ", ".join(ids) or "none"
        raise SyncError(
            f"{sync.name}: {sync.key} is not an external id of {describe.name} (external ids: {known})."
        )


def _suggest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    return f" (did you mean {', '.join(near)}?)" if near else ""
