"""Upsert: match rows by a key field, then create or update.

Belongs here: matching, and keys that are missing, doubled or ambiguous. Not here: the checks of create and
update.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch, Records, read_records, refuse_create_only
from sf_pipelines.emulator.dml.cells import cell_parser, text_column
from sf_pipelines.emulator.dml.changes import create_rows, update_existing
from sf_pipelines.emulator.dml.writer import Stamp
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.ids import IdFactory
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema
from sf_pipelines.emulator.store import Store, fold, fold_column


def key_field(item: ObjectSchema, name: str) -> FieldSchema:
    """The key field of an upsert or of a row URL.

    Raises:
        SalesforceError: 404 NOT_FOUND when the field is unknown or isn't a key ([R] text).
    """
    field = item.field(name)
    if field is None or not field.is_key:
        message = f"Provided external ID field does not exist or is not accessible: {name}"
        raise SalesforceError("NOT_FOUND", message, status=404)
    return field


def upsert_rows(
    item: ObjectSchema,
    key: FieldSchema,
    records: Records,
    *,
    store: Store,
    ids: IdFactory,
    stamp: Stamp,
    update_only: bool,
) -> Batch:
    """Create the records whose key no row has, update the others; with `update_only` the former fail."""
    batch = read_records(item, records, creating=True)
    if key.type == "id":
        _match_by_id(batch)
    else:
        _match_by_key(batch, key, store)
    good = batch.good_rows()
    existing = [row for row in good if batch.ids[row]]
    new = [row for row in good if not batch.ids[row]]
    if update_only:
        for row in new:
            batch.fail(row, SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404))
    elif new:
        part = batch.take(new)
        create_rows(part, store, ids, stamp)
        batch.put_back(part, new)
    if existing:
        part = batch.take(existing)
        refuse_create_only(part)
        update_existing(part, store, stamp)
        batch.put_back(part, existing)
    return batch


def _match_by_id(batch: Batch) -> None:
    batch.ids = [None if id_ is ABSENT or id_ == "" else id_ for id_ in batch.ids]


def _match_by_key(batch: Batch, key: FieldSchema, store: Store) -> None:
    """Set the id of each row whose key one live row has; bad keys fail."""
    batch.matched_by = key
    for row, id_ in enumerate(batch.ids):
        if id_ is not ABSENT and id_:
            batch.fail(row, errors.id_beside_key(key))
    folded = _folded_keys(batch, key)
    matches = store.find_rows_by_key(batch.item, key, (value for value in folded if value is not None))
    batch.live = {id_: number for _, id_, number in matches}
    found = {value: id_ for value, id_, _ in matches}
    batch.ids = list(map(found.get, folded))
    if len(set(folded)) < batch.size or len(found) < len(matches):
        _refuse_ambiguous(batch, key, folded, matches)


def _refuse_ambiguous(
    batch: Batch, key: FieldSchema, folded: Sequence[Any], matches: Sequence[tuple[Any, str, int]]
) -> None:
    """Fail the rows that share their key, and those whose key several live records have."""
    seen = Counter(folded)
    ids_by_key: dict[Any, list[str]] = {}
    for value, id_, _ in matches:
        ids_by_key.setdefault(value, []).append(id_)
    for row in batch.good_rows():
        value = folded[row]
        ids = ids_by_key.get(value, [])
        if seen[value] > 1:
            batch.fail(row, errors.duplicate_in_upsert(batch.columns[key][row]))
        elif len(ids) > 1:
            batch.fail(row, errors.several_match(key, ids))
        if batch.errors[row] is not None:
            batch.ids[row] = None


def _folded_keys(batch: Batch, key: FieldSchema) -> Sequence[Any]:
    """What each row is matched by; None where the row fails, for its key or before."""
    values = batch.columns.get(key, [None] * batch.size)
    whole = None if any(batch.errors) else text_column(key, values)
    if whole is not None:
        return fold_column(key, whole)
    parse = cell_parser(key)
    folded: list[Any] = []
    for row, value in enumerate(values):
        try:
            stored = None if value is None or value is ABSENT else parse(value)
        except SalesforceError as error:
            batch.fail(row, error)
            stored = None
        if stored is None:
            batch.fail(row, errors.key_missing_in_upsert(key))
        folded.append(None if batch.errors[row] is not None else fold(key, stored))
    return folded
