"""Undelete: records come back from the recycle bin with what their delete took along.

Belongs here: the way back, and what bars it. Not here: delete (delete.py), transactions (engine.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.changes import own_ids
from sf_pipelines.emulator.dml.row_locks import lock_families
from sf_pipelines.emulator.dml.standard import total_opportunities, totalled_parents
from sf_pipelines.emulator.dml.writer import Stamp
from sf_pipelines.emulator.schema.columns import BIN_COLUMN
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema, OrgSchema
from sf_pipelines.emulator.store import Store, key_column, quoted


def undelete_rows(item: ObjectSchema, ids: Sequence[str], store: Store, stamp: Stamp) -> Batch:
    """Bring the rows of `ids` back from the recycle bin.

    A row that isn't in the bin by itself, or whose key is taken meanwhile, has its error. Look-ups that
    the delete cleared stay clear.
    """
    batch = Batch(item, len(ids))
    batch.ids = list(ids)
    own_ids(batch, store)
    _check_in_bin(batch, store)
    objects = _family(store.schema, item)
    for one in objects:
        _check_keys(batch, one, store)
    lock_families(batch, store, _in_bin_with(batch, objects, store))
    wanted = [batch.ids[row] for row in batch.good_rows()]
    changes = {"IsDeleted": 0, BIN_COLUMN: None, **stamp.modified()}
    assignments = ", ".join(f"{quoted(name)} = {_literal(value)}" for name, value in changes.items())
    for one in objects:
        select = f'SELECT "Id" FROM {quoted(one.name)}'
        back = [row[0] for row in store.select_in(select, BIN_COLUMN, wanted)]
        store.run_in(f"UPDATE {quoted(one.name)} SET {assignments}", "Id", back)
        total_opportunities(store, totalled_parents(one, back, store), stamp)
    # they take data storage again
    store.storage.forget()
    return batch


def _in_bin_with(batch: Batch, objects: Sequence[ObjectSchema], store: Store) -> Iterator[tuple[str, str]]:
    """The id of each row that comes back, and of the row whose delete took it along."""
    roots = [batch.ids[row] for row in batch.good_rows()]
    for item in objects:
        select = f'SELECT "Id", {quoted(BIN_COLUMN)} FROM {quoted(item.name)}'
        yield from store.select_in(select, BIN_COLUMN, roots)


def _check_in_bin(batch: Batch, store: Store) -> None:
    """Each row must be the root of its own delete, and the parents that it would go with must live."""
    select = f'SELECT "Id" FROM {quoted(batch.item.name)}'
    good = [batch.ids[row] for row in batch.good_rows()]
    in_bin = {row[0] for row in store.select_in(select, "Id", good, f'AND {quoted(BIN_COLUMN)} = "Id"')}
    for parent, reference in _masters(store.schema, batch.item):
        orphans = (
            f'SELECT c."Id" FROM {quoted(batch.item.name)} c JOIN {quoted(parent.name)} p '
            f'ON p."Id" = c.{quoted(reference.name)} AND p."IsDeleted" = 1'
        )
        in_bin -= {row[0] for row in store.execute(orphans)}
    for row in batch.good_rows():
        if batch.ids[row] in in_bin:
            in_bin.discard(batch.ids[row])
        else:
            batch.fail(row, errors.undelete_failed())


def _masters(schema: OrgSchema, item: ObjectSchema) -> list[tuple[ObjectSchema, FieldSchema]]:
    return [
        (parent, field)
        for field in item.fields
        if field.cascade_delete
        for name in field.reference_to
        if (parent := schema.find(name)) is not None
    ]


def _check_keys(batch: Batch, item: ObjectSchema, store: Store) -> None:
    """A unique value that a live record took meanwhile bars the way back."""
    rows = {batch.ids[row]: row for row in batch.good_rows()}
    for field in item.fields:
        if not field.unique:
            continue
        column = quoted(key_column(field))
        select = f"SELECT {quoted(BIN_COLUMN)}, {column} FROM {quoted(item.name)}"
        values = list(store.select_in(select, BIN_COLUMN, rows))
        taken = store.find_by_key(item, field, [value for _, value in values if value is not None])
        for root, value in values:
            if value in taken:
                batch.fail(rows[root], errors.duplicate_value(field, taken[value][0]))


def _family(schema: OrgSchema, item: ObjectSchema) -> list[ObjectSchema]:
    """The object and all that may go with its records."""
    family = [item]
    for one in family:
        for relationship in schema.children(one.name):
            child = schema.object(relationship.child)
            if relationship.field.cascade_delete and child not in family:
                family.append(child)
    return family


def _literal(value: object) -> str:
    return "NULL" if value is None else repr(value)
