"""From the storage form to the two output forms: REST JSON and Bulk CSV (salesforce-api.md section 12).

Storage form: text as str, booleans 0/1, int as int, double/currency/percent as float, date as text, dateTime
and time as integer milliseconds, an address as JSON text. Belongs here: output of single values. Not here:
input (csv_values.py, dml/cells.py), quoting of CSV.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import orjson

from sf_pipelines.emulator.schema.model import FieldSchema
from sf_pipelines.emulator.temporal import datetime_text, time_text

_JAVA_PLAIN_FROM = 1e-3
_JAVA_PLAIN_BELOW = 1e7


def to_rest(field: FieldSchema, stored: Any) -> Any:
    """The JSON value of `stored`: dateTime ends `+0000`, an address is an object, null stays null."""
    if stored is None:
        return None
    convert = rest_converter(field)
    return stored if convert is None else convert(stored)


def to_csv(field: FieldSchema, stored: Any) -> str:
    """The text of `stored` in a Bulk query result, before quoting: dateTime ends `Z`, null is empty."""
    if stored is None:
        return ""
    convert = csv_converter(field)
    return stored if convert is None else convert(stored)


def rest_converter(field: FieldSchema) -> Callable[[Any], Any] | None:
    """What turns a non-null stored value of `field` into its JSON value; None when it is the value itself."""
    return _REST.get(field.type)


def csv_converter(field: FieldSchema) -> Callable[[Any], str] | None:
    """What turns a non-null stored value of `field` into its CSV text; None when it is that text already."""
    return _CSV.get(field.type)


def java_double(value: float) -> str:
    """A double as Java's `Double.toString` writes it ([R] Bulk: 912260031 is 9.12260031E8)."""
    if value == 0 or _JAVA_PLAIN_FROM <= abs(value) < _JAVA_PLAIN_BELOW:
        return repr(float(value))
    sign, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} isn't a number that an org stores")
    head, tail = digits[0], "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{head}.{tail}E{exponent + len(digits) - 1}"


def java_doubles(values: Sequence[float]) -> list[str]:
    """`java_double` of each value of a column; orjson writes the same digits as `repr`, much faster."""
    if not values:
        return []
    texts = orjson.dumps(values)[1:-1].decode().split(",")
    return [
        text if _JAVA_PLAIN_FROM <= value < _JAVA_PLAIN_BELOW else java_double(value)
        for text, value in zip(texts, values, strict=True)
    ]


def _rest_datetime(stored: int) -> str:
    return datetime_text(stored) + "+0000"


def _csv_datetime(stored: int) -> str:
    return datetime_text(stored) + "Z"


def _csv_boolean(stored: int) -> str:
    return "true" if stored else "false"


_REST: dict[str, Callable[[Any], Any]] = {
    "boolean": bool,
    "datetime": _rest_datetime,
    "time": time_text,
    "address": json.loads,
    "double": float,
    "currency": float,
    "percent": float,
}
_CSV: dict[str, Callable[[Any], str]] = {
    "boolean": _csv_boolean,
    "int": str,
    "double": java_double,
    "currency": java_double,
    "percent": java_double,
    "datetime": _csv_datetime,
    "time": time_text,
}
