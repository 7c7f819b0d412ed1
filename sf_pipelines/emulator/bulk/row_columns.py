"""Turns the rows of a batch into columns of REST-shaped values, for the org to write.

Belongs here: cells to values column by column, rows that don't fit. Not here: names (header.py), DML. Imports
csv_values, dml's columns, errors, header, row_sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from sf_pipelines.emulator.bulk.header import BoundColumn
from sf_pipelines.emulator.bulk.row_sets import ColumnRows, columns_of
from sf_pipelines.emulator.csv_values import ABSENT, NULL_MARK, parse_csv_column, parse_csv_value
from sf_pipelines.emulator.dml.batch import RecordColumns
from sf_pipelines.emulator.errors import SalesforceError

Values = list[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedRows:
    """What a batch asks the org to write."""

    records: RecordColumns
    """The sound rows, in order."""
    errors: Mapping[int, SalesforceError]
    """The error of each other row, by its place in the batch."""


def parse_rows(columns: Sequence[BoundColumn], rows: Sequence[Sequence[str]]) -> ParsedRows:
    """The records of `rows`: an empty cell is ABSENT, `#N/A` is null."""
    errors = _uneven(columns, rows)
    blank = ("",) * len(columns)
    even = [blank if at in errors else row for at, row in enumerate(rows)] if errors else rows
    converted = {
        column.target: _nested(column, _convert(column, number, cells, errors))
        for number, (column, cells) in enumerate(zip(columns, columns_of(even), strict=True), start=1)
    }
    if errors:
        sound = [at not in errors for at in range(len(rows))]
        converted = {name: list(compress(values, sound)) for name, values in converted.items()}
    return ParsedRows(records=RecordColumns(converted, len(rows) - len(errors)), errors=errors)


def _uneven(columns: Sequence[BoundColumn], rows: Sequence[Sequence[str]]) -> dict[int, SalesforceError]:
    width = len(columns)
    widths = {len(rows.columns)} if isinstance(rows, ColumnRows) else set(map(len, rows))
    if widths <= {width}:
        return {}
    return {
        at: SalesforceError("CLIENTINPUTERROR", f"The row has {len(row)} columns, the header has {width}")
        for at, row in enumerate(rows)
        if len(row) != width
    }


def _convert(
    column: BoundColumn, number: int, cells: Sequence[str], errors: dict[int, SalesforceError]
) -> Values:
    field = column.field
    if field.is_text or field.is_id:
        if "" not in cells and NULL_MARK not in cells:
            return list(cells)
        return [cell if cell and cell != NULL_MARK else (None if cell else ABSENT) for cell in cells]
    whole = parse_csv_column(field, cells)
    if whole is not None:
        return whole
    values: Values = []
    for at, cell in enumerate(cells):
        try:
            values.append(parse_csv_value(field, cell, number))
        except SalesforceError as error:
            errors.setdefault(at, error)
            values.append(ABSENT)
    return values


def _nested(column: BoundColumn, values: Values) -> Values:
    """A parent is named by its key, and by its type where it may have several; null empties it."""
    if column.lookup is None:
        return values
    kind = {} if column.parent is None else {"attributes": {"type": column.parent}}
    name = column.field.name
    return [value if value is ABSENT or value is None else {**kind, name: value} for value in values]
