"""Duplicate rules: records of the org whose matched fields are the same, case and spaces aside.

The records of one call are compared with the org's, not with each other, as Salesforce does for one save.
Belongs here: matching. Not here: unique fields (unique.py), the shape of the error (errors.py).
"""

from __future__ import annotations

from typing import Any

from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.writer import Stamp
from sf_pipelines.emulator.schema.columns import SEPARATOR
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.schema.rules import DuplicateRule
from sf_pipelines.emulator.store import Store, normal, quoted

# What an org lists at most of the records that match ([I]).
MAX_MATCHES = 100


def check_duplicates(batch: Batch, store: Store, stamp: Stamp) -> None:
    """Fail the good rows that match other live records by an active rule that the caller didn't pass."""
    for rule in batch.item.duplicate_rules:
        fields = [field for name in rule.fields if (field := batch.item.field(name)) is not None]
        is_passed = rule.action == "allow" and stamp.duplicates.allow_save
        if not is_passed and any(field in batch.columns for field in fields):
            _check_rule(batch, store, stamp, rule, fields)


def _check_rule(
    batch: Batch, store: Store, stamp: Stamp, rule: DuplicateRule, fields: list[FieldSchema]
) -> None:
    keys = _keys(batch, store, fields)
    select = f'SELECT {quoted(rule.key_column)}, "Id" FROM {quoted(batch.item.name)}'
    found: dict[str, list[str]] = {}
    tail = 'AND "IsDeleted" = 0 ORDER BY "row"'
    for key, id_ in store.select_in(select, rule.key_column, keys.values(), tail):
        found.setdefault(key, []).append(id_)
    for row, key in keys.items():
        others = [id_ for id_ in found.get(key, ()) if id_ != batch.ids[row]][:MAX_MATCHES]
        if others:
            url = stamp.duplicates.data_url
            batch.fail(row, errors.duplicates_detected(rule, batch.item.name, others, url))


def _keys(batch: Batch, store: Store, fields: list[FieldSchema]) -> dict[int, str]:
    """What the good rows are matched by; a row with an empty field has nothing."""
    columns = [_values(batch, store, field) for field in fields]
    keys: dict[int, str] = {}
    for row in batch.good_rows():
        parts = [normal(column[row]) for column in columns]
        if all(parts):
            keys[row] = SEPARATOR.join(parts)
    return keys


def _values(batch: Batch, store: Store, field: FieldSchema) -> list[Any]:
    """The column of `field`: as the batch has it, else as the records have it."""
    values = batch.columns.get(field)
    if values is None:
        select = f'SELECT "Id", {quoted(field.name)} FROM {quoted(batch.item.name)}'
        stored = dict(store.select_in(select, "Id", [batch.ids[row] for row in batch.good_rows()]))
        return [stored.get(id_) for id_ in batch.ids]
    return values
