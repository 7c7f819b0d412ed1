"""Writes checked batches: the insert and the update of all good rows at once.

Belongs here: audit values, key columns, statements. Not here: checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.results import DuplicateHeader
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.store import Store, fold_column, has_key_column, key_column
from sf_pipelines.emulator.temporal import datetime_text

_DATE_CHARS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """Who writes, when (epoch milliseconds), and what the caller says about duplicates."""

    user_id: str
    epoch_ms: int
    duplicates: DuplicateHeader = field(default_factory=DuplicateHeader)

    @property
    def today(self) -> str:
        """The org's date, yyyy-MM-dd."""
        return datetime_text(self.epoch_ms)[:_DATE_CHARS]

    def created(self) -> dict[str, Any]:
        """The audit columns of a new row."""
        return {"CreatedDate": self.epoch_ms, "CreatedById": self.user_id, **self.modified()}

    def modified(self) -> dict[str, Any]:
        """The audit columns of a changed row."""
        return {
            "LastModifiedDate": self.epoch_ms,
            "LastModifiedById": self.user_id,
            "SystemModstamp": self.epoch_ms,
        }


def insert_rows(batch: Batch, store: Store, stamp: Stamp, table: str | None = None) -> None:
    """Insert the good rows with the batch's ids into the object's table, or into `table`."""
    good = [error is None for error in batch.errors]
    columns = _good_columns({"Id": batch.ids, **_stored_columns(batch)}, good)
    store.insert_rows(table or batch.item.name, constants=stamp.created(), columns=columns)


def update_rows(batch: Batch, store: Store, stamp: Stamp, table: str | None = None) -> None:
    """Update the good rows in the object's table or in `table`; ABSENT must have been filled before."""
    good = [error is None for error in batch.errors]
    columns = _good_columns(_stored_columns(batch), good)
    if batch.matched_by is not None:
        # what the rows were found by is in them, and its index needn't be written again
        columns.pop(key_column(batch.matched_by), None)
    store.update_rows(
        table or batch.item.name,
        row_numbers=list(map(batch.live.__getitem__, compress(batch.ids, good))),
        constants=stamp.modified(),
        columns=columns,
    )


def _stored_columns(batch: Batch) -> dict[str, Sequence[Any]]:
    """Column name to values: the fields' own columns, and the key columns of those that have one."""
    columns: dict[str, Sequence[Any]] = {}
    for item, values in batch.columns.items():
        columns[item.name] = values
        if has_key_column(item):
            columns[key_column(item)] = fold_column(item, values)
    return columns


def _good_columns(columns: dict[str, Sequence[Any]], good: Sequence[bool]) -> dict[str, Sequence[Any]]:
    if all(good):
        return columns
    return {name: list(compress(values, good)) for name, values in columns.items()}


def fill_from_store(batch: Batch, stored: Mapping[str, Sequence[Any]], fields: Sequence[FieldSchema]) -> None:
    """Replace ABSENT by the stored value; `stored` maps an id to the values of `fields`."""
    for position, item in enumerate(fields):
        values = batch.columns.get(item)
        if values is not None and ABSENT in values:
            batch.columns[item] = [
                stored[id_][position] if value is ABSENT and id_ in stored else value
                for id_, value in zip(batch.ids, values, strict=True)
            ]
