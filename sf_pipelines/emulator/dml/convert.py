"""Whole columns to storage form, and the checks that need only the batch itself.

Belongs here: required fields, conversion column by column, defaults. Not here: look-ups in the store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from sf_pipelines.emulator.absent import ABSENT, Absent
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch
from sf_pipelines.emulator.dml.cells import cell_parser, number_column, text_column
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.ids import IdFactory
from sf_pipelines.emulator.schema.model import FieldSchema

_EMPTY_TYPES = {type(None), Absent}


def check_required(batch: Batch, *, creating: bool) -> None:
    """Required fields must have a value: on create always, on update where the record names them."""
    missing: dict[int, list[str]] = {}
    for field in batch.item.fields:
        if not field.required and not (field.updateable and not field.nillable and field.type != "boolean"):
            continue
        for row in _rows_without(batch, field, creating=creating and field.required):
            missing.setdefault(row, []).append(field.name)
    for row, names in missing.items():
        batch.fail(row, errors.required_missing(names))


def _rows_without(batch: Batch, field: FieldSchema, *, creating: bool) -> list[int]:
    values = batch.columns.get(field)
    if values is None:
        if not creating:
            return []
        parents = batch.parents.get(field)
        return [row for row in range(batch.size) if parents is None or not parents[row]]
    if set(map(type, values)) == {str} and all(map(str.strip, values)):
        return []
    return [
        row
        for row, value in enumerate(values)
        if value is None or (value is ABSENT and creating) or (isinstance(value, str) and not value.strip())
    ]


def convert_columns(batch: Batch) -> None:
    """Turn every column into storage form; a bad value fails its row."""
    for field, values in batch.columns.items():
        batch.columns[field] = _convert(batch, field, values)


def convert_column(field: FieldSchema, values: Sequence[Any]) -> list[Any] | None:
    """A whole sound column in storage form, fast; None when its cells must be parsed one by one.

    Equal values of one type are parsed once; null and ABSENT stay.
    """
    whole = text_column(field, values) or number_column(field, values)
    if whole is not None:
        return whole
    kinds = set(map(type, values)) - _EMPTY_TYPES
    distinct = set(values) if kinds in ({str}, {int}) else None
    if distinct is None or len(distinct) > len(values) // 2:
        return None
    parse = cell_parser(field)
    try:
        stored = {value: value if value is ABSENT or value is None else parse(value) for value in distinct}
    except SalesforceError:
        return None
    return [stored[value] for value in values]


def _convert(batch: Batch, field: FieldSchema, values: list[Any]) -> list[Any]:
    if field.type != "boolean":
        whole = convert_column(field, values)
        if whole is not None:
            return whole
    parse = cell_parser(field)
    refuses_null = field.type == "boolean"
    converted: list[Any] = []
    for row, value in enumerate(values):
        if value is ABSENT or (value is None and not refuses_null):
            converted.append(value)
            continue
        try:
            converted.append(_not_null(field, value) if value is None else parse(value))
        except SalesforceError as error:
            batch.fail(row, error)
            converted.append(None)
    return converted


def _not_null(field: FieldSchema, value: Any) -> Any:
    raise errors.wrong_value_type(field, value)


def fill_defaults(batch: Batch, user_id: str) -> None:
    """On create: the owner, constant defaults, defaults that follow another field; the rest is null."""
    for field in batch.item.fields:
        if not field.createable:
            continue
        default = _constant_default(field, user_id)
        if default is not None:
            _fill(batch, field, repeat(default, batch.size))
        elif field.default_by is not None:
            chosen = _values_of(batch, field.default_by.field)
            _fill(batch, field, map(field.default_by.values.get, chosen))
        elif field in batch.columns:
            _fill(batch, field, repeat(None, batch.size))


def fill_auto_numbers(batch: Batch, ids: IdFactory) -> None:
    """On create: the next number of each auto-number field for the rows that are good so far."""
    for field in batch.item.auto_numbers:
        head, zeros, tail = re.split(r"\{(0+)\}", field.auto_number or "")
        good = batch.good_rows()
        values: list[Any] = [None] * batch.size
        counted = ids.numbers(f"{batch.item.name}.{field.name}", len(good))
        for row, number in zip(good, counted, strict=True):
            values[row] = f"{head}{number:0{len(zeros)}d}{tail}"
        batch.columns[field] = values


def _values_of(batch: Batch, name: str) -> list[Any]:
    field = batch.item.field(name)
    missing: list[Any] = [None] * batch.size
    return missing if field is None else batch.columns.get(field, missing)


def _constant_default(field: FieldSchema, user_id: str) -> Any:
    """OwnerId is the one createable reference that is defaulted: to the user of the call."""
    if field.type == "reference" and field.defaulted_on_create:
        return user_id
    return field.default_value


def _fill(batch: Batch, field: FieldSchema, defaults: Iterable[Any]) -> None:
    values = batch.columns.get(field)
    if values is None:
        batch.columns[field] = list(defaults)
    elif ABSENT in values:
        batch.columns[field] = [
            default if value is ABSENT else value for value, default in zip(values, defaults, strict=True)
        ]
