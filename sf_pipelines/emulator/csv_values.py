"""From the text of a Bulk CSV cell to a REST-shaped value (salesforce-api.md sections 5.2 and 5.3).

Belongs here: one cell, or a whole sound column, with Bulk's own error text. Not here: reading CSV, and checks
that REST makes too (length, picklists, references: dml/). Imports the schema and the parsers of dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.temporal import parse_date, parse_datetime, parse_time

__all__ = ["ABSENT", "NULL_MARK", "parse_csv_column", "parse_csv_value"]
NULL_MARK = "#N/A"
_Number = TypeVar("_Number", int, float)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
HUGE = 1e300
"""From here on a text of digits may be no finite double."""
_INTEGER_CHARS, _DECIMAL_CHARS = b"-0123456789", b"-.0123456789"
# Integers of fewer digits are the same as text, as double, and as integer.
_EXACT_CHARS = 15
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
    plain = None
    if field.type == "int" and max(map(len, cells), default=0) <= _EXACT_CHARS:
        plain = _plain(cells, _INTEGER_CHARS, int)
    elif field.type in _XSD_DOUBLES:
        plain = plain_numbers(cells)
    if plain is not None:
        return plain
    distinct = set(cells)
    if len(distinct) > len(cells) // 2:
        return None
    try:
        values = {text: parse_csv_value(field, text) for text in distinct}
    except SalesforceError:
        return None
    return [values[text] for text in cells]


def plain_numbers(cells: Sequence[str]) -> list[float] | None:
    """A column of decimal numbers without exponents; None when one of its cells is anything else, or huge."""
    numbers = _plain(cells, _DECIMAL_CHARS, float)
    return numbers if numbers and min(numbers) > -HUGE and max(numbers) < HUGE else None


def _plain(cells: Sequence[str], chars: bytes, parse: Callable[[str], _Number]) -> list[_Number] | None:
    """Python reads more texts as numbers than the Bulk API does, but none more that is made of `chars`."""
    if "".join(cells).encode().translate(None, chars):
        return None
    try:
        return list(map(parse, cells))
    except ValueError:
        return None


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
