"""A declared sync held against what the org describes, before anything is read or sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial

from sf_pipelines.model.describe import FieldDescribe, SObjectDescribe
from sf_pipelines.model.extract import ReadTrouble
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import ExtractSync, FieldMapping, FieldType, LoadSync
from sf_pipelines.rails.errors import ObjectNotFoundError
from sf_pipelines.workflows.errors import SyncError, UnreadableError
from sf_pipelines.workflows.known_objects import KnownObjects

ALWAYS_EXTRACTED = ("Id", "SystemModstamp")
WHERE_DESCRIBED = ("IsDeleted",)
"""Read too where an object has it, so that deletes are seen."""

_TEXT_TYPES = frozenset(
    {
        "string",
        "textarea",
        "picklist",
        "multipicklist",
        "combobox",
        "email",
        "phone",
        "url",
        "encryptedstring",
    }
)
_TAKEN_BY: Mapping[FieldType, frozenset[str]] = {
    FieldType.TEXT: _TEXT_TYPES,
    FieldType.NUMBER: frozenset({"int", "long", "double", "currency", "percent", *_TEXT_TYPES}),
    FieldType.BOOLEAN: frozenset({"boolean", *_TEXT_TYPES}),
    FieldType.DATE: frozenset({"date", *_TEXT_TYPES}),
    FieldType.DATETIME: frozenset({"datetime", "date", *_TEXT_TYPES}),
    FieldType.TIME: frozenset({"time", *_TEXT_TYPES}),
    FieldType.ID: frozenset({"id", "reference", *_TEXT_TYPES}),
}
"""Field types of describe ([D] RESTG 3.1) that take what a source column holds: text takes everything."""


def check_load(sync: LoadSync, describe: SObjectDescribe) -> None:
    """Refuse a load that the org could only refuse row by row.

    Raises:
        SyncError: the first of its `load_mistakes`.
    """
    for mistake in load_mistakes(sync, describe):
        raise mistake


def load_mistakes(sync: LoadSync, describe: SObjectDescribe) -> Iterator[SyncError]:
    """Everything in which a load contradicts the org.

    An unknown or read-only field, a declared type that the field does not take, a key that cannot identify
    rows, an object that cannot be written.
    """
    checks = (
        partial(_check_object, sync, describe),
        *(partial(_check_field, sync, describe, mapping) for mapping in sync.fields),
        partial(_check_key, sync, describe),
        partial(_check_only_changed, sync),
    )
    for check in checks:
        try:
            check()
        except SyncError as mistake:
            yield mistake


def parent_mistakes(
    sync: LoadSync, describe: SObjectDescribe, parents: Callable[[str], SObjectDescribe | None]
) -> Iterator[SyncError]:
    """Parents named by a field that identifies nothing; a parent that `parents` does not know passes."""
    for mapping in sync.fields:
        relationship, _, parent_key = mapping.field.partition(".")
        objects = _objects_of(relationship, describe) if parent_key else ()
        known = [parent for name in objects if (parent := parents(name)) is not None]
        if known and not any(_identifies(parent, parent_key) for parent in known):
            names = " or ".join(parent.name for parent in known)
            ids = ", ".join(sorted({name for parent in known for name in _external_ids(parent)})) or "none"
            yield SyncError(
                f"{sync.name} finds its {relationship} by {parent_key}, which is not an external id of "
                f"{names} (external ids: {ids}).",
                mapping.field,
            )


def declared_mistakes(sync: LoadSync, objects: KnownObjects) -> list[SyncError]:
    """Everything in which a load contradicts an org; nothing where the org does not answer.

    What contradicts a kept description is held against a fresh one before it is told.
    """
    mistakes = _mistakes(sync, objects.describe)
    return _mistakes(sync, partial(objects.describe, fresh=True)) if mistakes else []


def _mistakes(sync: LoadSync, describe: Callable[[str], SObjectDescribe | None]) -> list[SyncError]:
    try:
        described = describe(sync.sobject)
    except ObjectNotFoundError:
        return [SyncError(f"{sync.name} names the object {sync.sobject}, which the org does not show.")]
    if described is None:
        return []

    def parent(name: str) -> SObjectDescribe | None:
        try:
            return describe(name)
        except ObjectNotFoundError:
            return None

    return [*load_mistakes(sync, described), *parent_mistakes(sync, described, parent)]


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
        raise SyncError(
            f"{sync_name} names the field {name}, which {describe.name} does not have{near}.", name
        )
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


def _check_field(sync: LoadSync, describe: SObjectDescribe, mapping: FieldMapping) -> None:
    name, _, parent_key = mapping.field.partition(".")
    if sync.operation is Operation.DELETE and mapping.field.casefold() != "id":
        raise SyncError(f"{sync.name} is a delete and may only carry Id, not {mapping.field}.", mapping.field)
    if parent_key:
        _check_parent(sync, describe, mapping.field)
        return
    found = known_field(sync.name, describe, name)
    _check_writable(sync, found, mapping.field)
    _check_type(sync, found, mapping)


def _check_parent(sync: LoadSync, describe: SObjectDescribe, field: str) -> None:
    relationship = field.partition(".")[0]
    names = [item.relationship_name for item in describe.fields.values() if item.relationship_name]
    if relationship.casefold() not in (name.casefold() for name in names):
        near = _suggest(relationship, names)
        raise SyncError(
            f"{sync.name} names the parent {relationship}, which {describe.name} does not have{near}.", field
        )


def _check_writable(sync: LoadSync, found: FieldDescribe, field: str) -> None:
    if found.name == "Id" and sync.operation in (Operation.UPDATE, Operation.DELETE):
        return
    told = None
    if not (found.createable or found.updateable):
        told = f"writes {found.name}, which is read-only in the org"
    elif sync.operation is Operation.UPDATE and not found.updateable:
        told = f"updates {found.name}, which the org takes on create only"
    elif sync.operation is Operation.INSERT and not found.createable:
        told = f"inserts {found.name}, which the org takes on update only"
    if told:
        raise SyncError(f"{sync.name} {told}: remove it.", field)


def _check_type(sync: LoadSync, found: FieldDescribe, mapping: FieldMapping) -> None:
    declared = mapping.type
    if declared is not None and found.type.lower() not in _TAKEN_BY[declared]:
        raise SyncError(
            f"{sync.name} fills {found.name} with {declared.value} of the column {mapping.column}, but the "
            f"field is a {found.type}: convert it in the source, or correct its type.",
            mapping.field,
        )


def _check_key(sync: LoadSync, describe: SObjectDescribe) -> None:
    if sync.operation in (Operation.UPDATE, Operation.DELETE) and sync.key != "Id":
        raise SyncError(
            f"{sync.name}: {sync.operation.value} is by Id, not by {sync.key}; use upsert instead.", sync.key
        )
    key = describe.field(sync.key)
    if key is not None and sync.operation is Operation.UPSERT and not (key.external_id or key.id_lookup):
        known = ", ".join(_external_ids(describe)) or "none"
        raise SyncError(
            f"{sync.name}: {sync.key} is not an external id of {describe.name} (external ids: {known}).",
            sync.key,
        )


def _check_only_changed(sync: LoadSync) -> None:
    if sync.only_changed and sync.operation not in (Operation.UPSERT, Operation.UPDATE):
        raise SyncError(
            f"{sync.name} is a {sync.operation.value}: only_changed is for upsert and update, remove it."
        )


def _external_ids(describe: SObjectDescribe) -> list[str]:
    return [item.name for item in describe.fields.values() if item.external_id]


def _identifies(parent: SObjectDescribe, key: str) -> bool:
    found = parent.field(key)
    return found is not None and (found.external_id or found.id_lookup)


def _objects_of(relationship: str, describe: SObjectDescribe) -> tuple[str, ...]:
    """Objects that a relationship can point to."""
    folded = relationship.casefold()
    fields = describe.fields.values()
    found = (item for item in fields if (item.relationship_name or "").casefold() == folded)
    return next((item.reference_to for item in found), ())


def _suggest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    return f" (did you mean {', '.join(near)}?)" if near else ""
