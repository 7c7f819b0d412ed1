"""Delete: to the recycle bin or for good, with children that follow and look-ups that are cleared.

Belongs here: the walk over child relationships. Not here: transactions (engine.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.changes import own_ids
from sf_pipelines.emulator.dml.row_locks import lock_deleted
from sf_pipelines.emulator.dml.writer import Stamp
from sf_pipelines.emulator.schema.model import ChildRelationship, ObjectSchema
from sf_pipelines.emulator.store import Store, quoted


def delete_rows(item: ObjectSchema, ids: Sequence[str], store: Store, stamp: Stamp, *, hard: bool) -> Batch:
    """Delete the rows of `ids` that exist and live; the others get their error."""
    batch = Batch(item, len(ids))
    batch.ids = list(ids)
    if not item.deletable:
        for row in range(batch.size):
            batch.fail(row, errors.cannot_delete(item))
        return batch
    own_ids(batch)
    _check_live(batch, store)
    lock_deleted(batch, store)
    _remove(item, [batch.ids[row] for row in batch.good_rows()], store, stamp, hard=hard)
    return batch


def _check_live(batch: Batch, store: Store) -> None:
    wanted = [id_ for id_, error in zip(batch.ids, batch.errors, strict=True) if error is None]
    select = f'SELECT "Id", "IsDeleted" FROM {quoted(batch.item.name)}'
    deleted = dict(store.select_in(select, "Id", wanted))
    for row, id_ in enumerate(batch.ids):
        if batch.errors[row] is None:
            if id_ not in deleted:
                batch.fail(row, errors.unknown_id())
            elif deleted[id_]:
                batch.fail(row, errors.entity_is_deleted())
            deleted[id_] = 1


def _remove(item: ObjectSchema, ids: Sequence[str], store: Store, stamp: Stamp, *, hard: bool) -> None:
    """Remove live rows; the children's look-ups come first, so that no live row points at a removed one."""
    if not ids:
        return
    table = quoted(item.name)
    if hard:
        store.execute_many(f'DELETE FROM {table} WHERE "Id" = ?', ((id_,) for id_ in ids))
    else:
        changes = {"IsDeleted": 1, **stamp.modified()}
        assignments = ", ".join(f"{quoted(name)} = ?" for name in changes)
        values = tuple(changes.values())
        store.execute_many(
            f'UPDATE {table} SET {assignments} WHERE "Id" = ?', ((*values, id_) for id_ in ids)
        )
    for relationship in store.schema.children(item.name):
        _follow(relationship, ids, store, stamp, hard=hard)


def _follow(
    relationship: ChildRelationship, ids: Sequence[str], store: Store, stamp: Stamp, *, hard: bool
) -> None:
    """Remove the live children of a cascading relationship; clear the look-up of the others."""
    child = store.schema.object(relationship.child)
    field = relationship.field
    if not field.createable:
        return
    select = f'SELECT "Id" FROM {quoted(child.name)}'
    children = [row[0] for row in store.select_in(select, field.name, ids, 'AND "IsDeleted" = 0')]
    if field.cascade_delete:
        _remove(child, children, store, stamp, hard=hard)
    elif children:
        cleared = f'{quoted(field.name)} = NULL, "SystemModstamp" = ?'
        sql = f'UPDATE {quoted(child.name)} SET {cleared} WHERE "Id" = ?'
        store.execute_many(sql, ((stamp.epoch_ms, id_) for id_ in children))
