"""Which rows a write locks, and the rows of it that fail because another transaction holds one.

Section 10 of the wire contract: a write locks its own rows; the master of a detail row; and the target of a
look-up that it sets, unless the look-up is cleared when its target is deleted. A delete and an undelete lock
what goes with their rows, too.

Belongs here: the ids that each row of a batch locks. Not here: holding them (locking/). Imports batch,
refusals, schema, store.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.refusals import current_refusals, lock_error
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.store import Store, quoted


def lock_created(batch: Batch, store: Store) -> None:
    """Lock the parents of new rows."""
    if _is_needed(store):
        parents = [field for field in batch.item.fields if _locks_its_target(field)]
        _lock(batch, store, [_values(batch, row, parents) for row in range(batch.size)])


def lock_updated(batch: Batch, store: Store) -> None:
    """Lock changed rows, their masters, and the targets of look-ups that change."""
    if not _is_needed(store):
        return
    parents = [field for field in batch.item.fields if _locks_its_target(field)]
    stored = _stored_parents(batch, store, parents)
    ids_of_rows: list[list[str]] = []
    for row, id_ in enumerate(batch.ids):
        before = stored.get(id_, {})
        ids = [id_] if id_ else []
        ids += [value for value in _values(batch, row, parents) if value not in before.values()]
        ids += [value for field, value in before.items() if _is_master(field)]
        ids_of_rows.append(ids)
    _lock(batch, store, ids_of_rows)


def lock_families(batch: Batch, store: Store, roots: Iterable[tuple[str, str]]) -> None:
    """Lock rows that come or go with their families, and their masters.

    Args:
        batch: the rows of the request.
        store: its running transaction holds the locks.
        roots: id of a row that goes along, and of the row of the batch that takes it along.
    """
    if not _is_needed(store):
        return
    masters = [field for field in batch.item.fields if _is_master(field)]
    stored = _stored_parents(batch, store, masters)
    family: dict[str, list[str]] = {}
    for id_, root in roots:
        family.setdefault(root, []).append(id_)
    ids_of_rows = [
        list(dict.fromkeys([id_, *family.get(id_, ()), *stored.get(id_, {}).values()])) if id_ else []
        for id_ in batch.ids
    ]
    _lock(batch, store, ids_of_rows)


def _is_master(field: FieldSchema) -> bool:
    """True for a master-detail field, and [I] for a standard look-up that must be filled and cascades."""
    return field.is_master_detail or (field.cascade_delete and not field.nillable)


def _locks_its_target(field: FieldSchema) -> bool:
    return field.type == "reference" and field.on_delete != "clear"


def _is_needed(store: Store) -> bool:
    return store.locks is not None or current_refusals() is not None


def _values(batch: Batch, row: int, fields: list[FieldSchema]) -> list[str]:
    values = [batch.columns[field][row] for field in fields if field in batch.columns]
    return [value for value in values if value]


def _stored_parents(
    batch: Batch, store: Store, fields: list[FieldSchema]
) -> dict[Any, dict[FieldSchema, str]]:
    """The filled references among `fields` of each stored row."""
    if not fields:
        return {}
    names = ", ".join(quoted(field.name) for field in fields)
    select = f'SELECT "Id", {names} FROM {quoted(batch.item.name)}'
    wanted = [batch.ids[row] for row in batch.good_rows()]
    return {
        row[0]: {field: value for field, value in zip(fields, row[1:], strict=True) if value}
        for row in store.select_in(select, "Id", wanted)
    }


def _lock(batch: Batch, store: Store, ids_of_rows: list[list[str]]) -> None:
    good = batch.good_rows()
    needed = [ids_of_rows[row] for row in good]
    if store.locks is not None:
        for row, denied in zip(good, store.locks.need(batch.item.name, needed), strict=True):
            if denied:
                batch.fail(row, lock_error(denied))
    refusals = current_refusals()
    if refusals is not None:
        for row in batch.good_rows():
            if refusals.draw():
                batch.fail(row, refusals.error(ids_of_rows[row]))
