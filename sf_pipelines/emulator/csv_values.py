"""From the text of a Bulk CSV cell to a REST-shaped value (salesforce-api.md sections 5.2 and 5.3).

Belongs here: one cell, or a whole sound column, with Bulk's own error text. Not here: reading CSV, and checks
that REST makes too (length, picklists, references: dml/). Imports the schema and the parsers of dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.temporal import parse_date, parse_datetime, parse_time

__all__ = ["ABSENT", "NULL_MARK", "parse_csv_column", "parse_csv_value"]
NULL_MARK = "#N/A"
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
# A column of them, one a line; so few digits that each is a finite double.
PLAIN_NUMBERS = re.compile(r"-?\d{1,300}(?:\.\d+)?(?:\n-?\d{1,300}(?:\.\d+)?)*", re.ASCII)
_PLAIN_INTEGERS = re.compile(r"-?\d{1,15}(?:\n-?\d{1,15})*", re.ASCII)
_XSD_DOUBLES = frozenset({"double", "currency", "percent"})
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_XSD = {"int": "xsd:int", "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double",
        "boolean": "xsd:boolean", "date": "xsd:date", "datetime": "xsd:dateTime",
        "time": "xsd:time"}  # fmt: skip


def parse_csv_value(field: FieldSchema, text: str, column: int = 1) -> Any:
    """The REST-shaped value of one CSV cell: ABSENT for an empty cell, None for `#N/A`.

    Args:
        field: the field of the column.
        text: the cell, unquoted.
        column: the 1-based number of the column, as the error text tells it.

    Raises:
        SalesforceError: INVALID_FIELD with the deserialization text ([R] AMP), `fields` naming the field.
    """
    if not text:
        return ABSENT
    if text == NULL_MARK:
        return None
    parse = _PARSERS.get(field.type)
    if parse is None:
        return text
    try:
        return parse(text)
    except ValueError:
        raise _refusal(field, text, column) from None


def parse_csv_column(field: FieldSchema, cells: Sequence[str]) -> list[Any] | None:
    """The values of a whole column at once; None when it can't be had: parse its cells one by one.

    That is so where a cell has an error, or where a column of many values isn't of plain numbers.
    """
    if field.type == "int" and _PLAIN_INTEGERS.fullmatch("\n".join(cells)):
        return list(map(int, cells))
    if field.type in _XSD_DOUBLES and PLAIN_NUMBERS.fullmatch("\n".join(cells)):
        return list(map(float, cells))
    distinct = set(cells)
    if len(distinct) > len(cells) // 2:
        return None
    try:
        values = {text: parse_csv_value(field, text) for text in distinct}
    except SalesforceError:
        return None
    return [values[text] for text in cells]


def _refusal(field: FieldSchema, text: str, column: int) -> SalesforceError:
    message = (
        f"Failed to deserialize field at col {column}. Due to, '{text}' is not a valid value "
        f"for the type {_XSD[field.type]}"
    )
    return SalesforceError("INVALID_FIELD", message, fields=[field.name])


def _number(text: str) -> float:
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text)


def _int(text: str) -> int:
    number = _number(text)
    if number != number // 1:
        raise ValueError(text)
    return int(number)


def _boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError(text)
    return value


def _date(text: str) -> str:
    return parse_date(text)


def _datetime(text: str) -> str:
    parse_datetime(text)
    return text


def _time(text: str) -> str:
    parse_time(text)
    return text


_PARSERS: dict[str, Callable[[str], Any]] = {
    "int": _int,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
}
