"""Unique fields: no two live rows share a value, neither in the store nor inside one call.

Belongs here: the check of create and update. Not here: the key of an upsert (upsert.py).
"""

from __future__ import annotations

from typing import Any

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.store import Store, fold_column


def check_unique(batch: Batch, store: Store) -> None:
    """Fail rows whose unique value another row has. New rows must have their ids already."""
    for field, values in batch.columns.items():
        if field.unique and field is not batch.matched_by:
            _check_field(batch, store, field, values)


def _check_field(batch: Batch, store: Store, field: FieldSchema, values: list[Any]) -> None:
    keys = {
        row: key
        for row, (value, key) in enumerate(zip(values, fold_column(field, values), strict=True))
        if value is not None and value is not ABSENT and batch.errors[row] is None
    }
    stored = store.find_by_key(batch.item, field, keys.values())
    if not stored and len(set(keys.values())) == len(keys):
        return
    claimed: dict[Any, str] = {}
    for row, key in keys.items():
        others = [id_ for id_ in stored.get(key, ()) if id_ != batch.ids[row]]
        if others:
            batch.fail(row, errors.duplicate_value(field, others[0]))
        elif claimed.setdefault(key, batch.ids[row]) != batch.ids[row]:
            batch.fail(row, errors.duplicate_value(field, claimed[key]))
