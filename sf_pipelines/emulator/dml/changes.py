"""Create and update of one batch: the order of the checks, then the write.

Belongs here: the two sequences that `Org` and upsert share. Not here: transactions (engine.py), upsert's
matching.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.convert import (
    check_required,
    convert_columns,
    fill_auto_numbers,
    fill_defaults,
)
from sf_pipelines.emulator.dml.duplicates import check_duplicates
from sf_pipelines.emulator.dml.references import check_references, resolve_parents
from sf_pipelines.emulator.dml.row_locks import lock_created, lock_updated
from sf_pipelines.emulator.dml.rules import check_record_rules
from sf_pipelines.emulator.dml.standard import complete, follow_up
from sf_pipelines.emulator.dml.storage_room import check_room
from sf_pipelines.emulator.dml.unique import check_unique
from sf_pipelines.emulator.dml.writer import Stamp, fill_from_store, insert_rows, update_rows
from sf_pipelines.emulator.ids import IdFactory, to_18
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.store import Store, quoted


def create_rows(batch: Batch, store: Store, ids: IdFactory, stamp: Stamp) -> None:
    """Check and insert the rows of `batch`; failed rows keep their error and no id."""
    check_required(batch, creating=True)
    convert_columns(batch)
    resolve_parents(batch, store)
    check_references(batch, store, stamp)
    complete(batch, store, stamp, creating=True)
    fill_defaults(batch, stamp.user_id)
    batch.ids = list(ids.take(batch.item.key_prefix, batch.size)) if batch.size else []
    fill_auto_numbers(batch, ids)
    check_record_rules(batch, store, stamp, "create")
    check_duplicates(batch, store, stamp)
    check_unique(batch, store)
    lock_created(batch, store)
    check_room(batch, store)
    insert_rows(batch, store, stamp)
    batch.created = [error is None for error in batch.errors]
    follow_up(batch, store, stamp)
    for row, error in enumerate(batch.errors):
        if error is not None:
            batch.ids[row] = None


def update_existing(batch: Batch, store: Store, stamp: Stamp) -> None:
    """Check and update the rows of `batch` by their ids."""
    own_ids(batch, store)
    check_required(batch, creating=False)
    convert_columns(batch)
    resolve_parents(batch, store)
    complete(batch, store, stamp, creating=False)
    refuse_missing(batch)
    fields = _fields_to_read(batch)
    stored = _stored_values(batch, store, fields)
    check_references(batch, store, stamp)
    _follow(batch, stored, fields)
    fill_from_store(batch, stored, fields)
    check_record_rules(batch, store, stamp, "update")
    check_duplicates(batch, store, stamp)
    check_unique(batch, store)
    lock_updated(batch, store)
    update_rows(batch, store, stamp)
    follow_up(batch, store, stamp)


def own_ids(batch: Batch, store: Store) -> None:
    """Bring the rows' own ids to 18 characters and find their records; a missing or wrong id fails its row.

    An id that a record of the object has, letter by letter, needs no further check.
    """
    given = [id_ for id_ in batch.ids if isinstance(id_, str)]
    _find(batch, store, given)
    if len(given) == batch.size and all(map(batch.live.__contains__, given)):
        return
    known = batch.live.keys() | batch.in_bin
    batch.ids = [
        value if isinstance(value, str) and value in known else _own_id(batch, row, value)
        for row, value in enumerate(batch.ids)
    ]
    _find(batch, store, [id_ for id_ in batch.ids if id_ is not None and id_ not in known])


def _find(batch: Batch, store: Store, ids: Sequence[str]) -> None:
    """Look up those of `ids` that the batch doesn't know yet, in their order: neighbours lie together."""
    batch.live |= store.find_rows(batch.item, [id_ for id_ in ids if id_ not in batch.live])
    batch.in_bin |= store.find_in_bin(batch.item, [id_ for id_ in ids if id_ not in batch.live])


def _own_id(batch: Batch, row: int, value: Any) -> str | None:
    if value is ABSENT or value is None or value == "":
        batch.fail(row, errors.id_missing_in_update())
        return None
    try:
        id_ = to_18(value) if isinstance(value, str) else None
    except ValueError:
        id_ = None
    if id_ is None or not id_.startswith(batch.item.key_prefix):
        batch.fail(row, errors.malformed_own_id(batch.item, value))
        return value if isinstance(value, str) else None
    return id_


def refuse_missing(batch: Batch) -> None:
    """Fail the rows whose record isn't there, or is in the recycle bin."""
    if all(map(batch.live.__contains__, batch.ids)):
        return
    for row, id_ in enumerate(batch.ids):
        if id_ not in batch.live:
            batch.fail(row, errors.entity_is_deleted() if id_ in batch.in_bin else errors.unknown_id())


def _fields_to_read(batch: Batch) -> list[FieldSchema]:
    """The fields whose stored values an update needs: where rows give none, and to see what changes."""
    followers = _followers(batch)
    sources = {field.default_by.field for field in batch.item.fields if field.default_by is not None}
    incomplete = [
        field for field, values in batch.columns.items() if field.name in sources or ABSENT in values
    ]
    return [*incomplete, *followers]


def _stored_values(batch: Batch, store: Store, fields: Sequence[FieldSchema]) -> dict[str, Sequence[Any]]:
    """Stored values of `fields` by id, of the good rows."""
    if not fields:
        return {}
    names = "".join(f", {quoted(field.name)}" for field in fields)
    select = f'SELECT "Id"{names} FROM {quoted(batch.item.name)}'
    wanted = [batch.ids[row] for row in batch.good_rows()]
    return {row[0]: row[1:] for row in store.select_in(select, "Id", wanted)}


def _followers(batch: Batch) -> list[FieldSchema]:
    """Fields that the batch lacks, with a default that follows a field of the batch."""
    named = {field.name for field in batch.columns}
    return [
        field
        for field in batch.item.fields
        if field.default_by is not None and field.default_by.field in named and field.name not in named
    ]


def _follow(batch: Batch, stored: dict[str, Sequence[Any]], fields: Sequence[FieldSchema]) -> None:
    """Give a follower its new default where the field it follows changes (StageName: Probability)."""
    positions = {field.name: position for position, field in enumerate(fields)}
    for field in fields:
        rule = field.default_by
        source = batch.item.field(rule.field) if rule is not None else None
        if rule is None or source is None or source not in batch.columns:
            continue
        given = batch.columns.get(field, [ABSENT] * batch.size)
        values = list(given)
        for row, value in enumerate(batch.columns[source]):
            current = stored.get(batch.ids[row])
            if given[row] is ABSENT and value is not ABSENT and current is not None:
                changed = value != current[positions[source.name]]
                values[row] = rule.values.get(value) if changed else current[positions[field.name]]
        batch.columns[field] = values
