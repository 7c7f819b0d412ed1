"""Delete: to the recycle bin or for good, with children that follow and look-ups that are cleared.

Belongs here: the walk over child relationships, what holds a delete back. Not here: the way back
(undelete.py), transactions (engine.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.changes import own_ids, refuse_missing
from sf_pipelines.emulator.dml.row_locks import lock_families
from sf_pipelines.emulator.dml.rules import check_record_rules
from sf_pipelines.emulator.dml.standard import total_opportunities, totalled_parents
from sf_pipelines.emulator.dml.writer import Stamp
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.columns import BIN_COLUMN
from sf_pipelines.emulator.schema.model import ChildRelationship, ObjectSchema
from sf_pipelines.emulator.store import Store, quoted

# How many of the records that hold a delete back its message names ([I]).
_MAX_NAMES = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class _Level:
    """Records of one object that a delete removes: each id with the id of the request that takes it along."""

    item: ObjectSchema
    roots: Mapping[str, str]


def delete_rows(item: ObjectSchema, ids: Sequence[str], store: Store, stamp: Stamp, *, hard: bool) -> Batch:
    """Delete the rows of `ids` that exist and live; the others get their error."""
    batch = Batch(item, len(ids))
    batch.ids = list(ids)
    if not item.deletable:
        for row in range(batch.size):
            batch.fail(row, errors.cannot_delete(item))
        return batch
    own_ids(batch, store)
    _refuse_twice(batch)
    refuse_missing(batch)
    check_record_rules(batch, store, stamp, "delete")
    levels = _closure(item, [batch.ids[row] for row in batch.good_rows()], store)
    _check_restricted(batch, levels, store)
    lock_families(batch, store, (pair for level in levels for pair in level.roots.items()))
    good = {batch.ids[row] for row in batch.good_rows()}
    sound = [
        _Level(item=level.item, roots={id_: root for id_, root in level.roots.items() if root in good})
        for level in levels
    ]
    totalled = [id_ for level in sound for id_ in totalled_parents(level.item, level.roots, store)]
    for level in sound:
        _remove(level, store, stamp, hard=hard)
    for level in sound:
        _clear_look_ups(level, store, stamp)
    total_opportunities(store, totalled, stamp)
    return batch


def _refuse_twice(batch: Batch) -> None:
    """A record that a row of the same call deletes is deleted for the rows after it."""
    named: set[str] = set()
    for row in batch.good_rows():
        id_ = batch.ids[row]
        if id_ in named and id_ in batch.live:
            batch.fail(row, errors.entity_is_deleted())
        named.add(id_)


def _closure(item: ObjectSchema, ids: Sequence[str], store: Store) -> list[_Level]:
    """The rows of `ids` and all live rows that go with them, parents before children."""
    levels = [_Level(item=item, roots={id_: id_ for id_ in ids})]
    seen: dict[str, set[str]] = {item.name: set(ids)}
    for level in levels:
        for relationship in store.schema.children(level.item.name) if level.roots else ():
            if relationship.field.cascade_delete:
                known = seen.setdefault(relationship.child, set())
                pairs = _live_children(relationship, level.roots, store)
                found = {id_: level.roots[parent] for id_, parent in pairs if id_ not in known}
                known.update(found)
                levels.append(_Level(item=store.schema.object(relationship.child), roots=found))
    return [level for level in levels if level.roots]


def _live_children(
    relationship: ChildRelationship, parents: Mapping[str, str], store: Store
) -> list[tuple[str, str]]:
    """Id and parent id of the live children of `parents`."""
    column = relationship.field.name
    select = f'SELECT "Id", {quoted(column)} FROM {quoted(relationship.child)}'
    return list(store.select_in(select, column, parents, 'AND "IsDeleted" = 0'))


def _check_restricted(batch: Batch, levels: Sequence[_Level], store: Store) -> None:
    """Fail the rows whose delete would take the parent from a record that must keep it."""
    removed = {id_ for level in levels for id_ in level.roots}
    rows = {id_: row for row, id_ in enumerate(batch.ids) if batch.errors[row] is None}
    for level in levels:
        for relationship in store.schema.children(level.item.name):
            if relationship.field.on_delete == "restrict":
                holders: dict[str, list[str]] = {}
                for id_, parent in _live_children(relationship, level.roots, store):
                    if id_ not in removed:
                        holders.setdefault(parent, []).append(id_)
                for parent, children in holders.items():
                    refusal = _restricted(level.item, parent, relationship, children, store)
                    batch.fail(rows[level.roots[parent]], refusal)


def _restricted(
    item: ObjectSchema, parent: str, relationship: ChildRelationship, children: Sequence[str], store: Store
) -> SalesforceError:
    child = store.schema.object(relationship.child)
    [name] = _names(item, [parent], store)
    return errors.delete_restricted(
        name, child.label_plural.lower(), _names(child, children[:_MAX_NAMES], store)
    )


def _names(item: ObjectSchema, ids: Sequence[str], store: Store) -> list[str]:
    select = f"SELECT {quoted(item.name_field.name)} FROM {quoted(item.name)}"
    return [str(row[0]) for row in store.select_in(select, "Id", ids, 'ORDER BY "row"')]


def _remove(level: _Level, store: Store, stamp: Stamp, *, hard: bool) -> None:
    table = quoted(level.item.name)
    if hard:
        store.run_in(f"DELETE FROM {table}", "Id", level.roots)
        return
    changes = {"IsDeleted": 1, **stamp.modified()}
    assignments = ", ".join(f"{quoted(name)} = ?" for name in changes)
    sql = f'UPDATE {table} SET {assignments}, {quoted(BIN_COLUMN)} = ? WHERE "Id" = ?'
    values = tuple(changes.values())
    store.execute_many(sql, ((*values, root, id_) for id_, root in level.roots.items()))


def _clear_look_ups(level: _Level, store: Store, stamp: Stamp) -> None:
    """No live row points at a removed one."""
    for relationship in store.schema.children(level.item.name):
        field = relationship.field
        if field.createable and field.on_delete == "clear":
            cleared = f'{quoted(field.name)} = NULL, "SystemModstamp" = {stamp.epoch_ms}'
            update = f"UPDATE {quoted(relationship.child)} SET {cleared}"
            store.run_in(update, field.name, level.roots, 'AND "IsDeleted" = 0')
