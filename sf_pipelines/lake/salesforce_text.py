"""Values of databases and Parquet files as the text that Salesforce takes for them in CSV ([D] BULKG 5.3).

Dates are ISO 8601, datetimes UTC with milliseconds and `Z`, numbers plain and without exponent, a list of
texts a multi-select picklist. Empty text is no value: the org stores none. `NaN` stays, to be refused there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from sf_pipelines.lake.errors import SourceError


def text_of_values(values: Sequence[Any], where: str) -> pa.Array:
    """A column of Python values as text, empty text null.

    Args:
        values: what a database driver gave.
        where: the column and its source, for the error.

    Raises:
        SourceError: a value that has no text in Salesforce, such as binary data.
    """
    kinds = set(map(type, values)) - {type(None)}
    if not kinds <= {str}:
        values = [None if value is None else _text(value, where) for value in values]
    return without_empty_text(pa.array(values, pa.string()))


def text_of_array(array: pa.Array, where: str) -> pa.Array:
    """A column of a Parquet file as text, empty text null; nested and binary columns are refused.

    Raises:
        SourceError: as `text_of_values`.
    """
    if pa.types.is_dictionary(array.type):
        array = cast(pa.DictionaryArray, array).dictionary_decode()
    if _is_text_by_cast(array.type):
        return without_empty_text(array.cast(pa.string()))
    if pa.types.is_timestamp(array.type):
        moments = array.cast(pa.timestamp("ms", array.type.tz), safe=False).cast(pa.timestamp("ms", "UTC"))
        return pc.strftime(cast(Any, moments), format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_time(array.type):
        texts = array.cast(pa.time32("ms"), safe=False).cast(pa.string())
        return pc.replace_substring_regex(texts, "$", "Z")
    return text_of_values(array.to_pylist(), where)


def without_empty_text(texts: pa.Array) -> pa.Array:
    """Null instead of empty text."""
    return pc.if_else(pc.equal(texts, pa.scalar("")), pa.scalar(None, pa.string()), texts)


def _is_text_by_cast(kind: pa.DataType) -> bool:
    of_kind = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_integer,
               pa.types.is_boolean, pa.types.is_date, pa.types.is_null)  # fmt: skip
    return any(is_kind(kind) for is_kind in of_kind)


def _text(value: Any, where: str) -> str:
    write = _WRITERS.get(type(value))
    if write is None:
        write = next((writer for kind, writer in _WRITERS.items() if isinstance(value, kind)), None)
    if write is None:
        raise SourceError(
            f"{where} holds {type(value).__name__} values, which Salesforce has no text for: "
            "leave the column out, or turn it into text in the source."
        )
    return write(value)


def _number(value: float | Decimal) -> str:
    # repr of a float is the shortest text that reads back as the same float
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    return format(number, "f").removesuffix(".0")


def _datetime(value: datetime) -> str:
    aware = value.astimezone(UTC) if value.tzinfo else value
    return f"{aware.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _time(value: time) -> str:
    aware = datetime.combine(date(2000, 1, 1), value)
    return _datetime(aware).partition("T")[2]


def _list(values: Sequence[Any]) -> str:
    return ";".join(str(value) for value in values if value is not None)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


# a subclass stands before its base: bool is an int, and datetime a date
_WRITERS: Mapping[type[Any], Callable[[Any], str]] = {
    str: str,
    bool: lambda value: "true" if value else "false",
    int: str,
    float: _number,
    Decimal: _number,
    datetime: _datetime,
    date: date.isoformat,
    time: _time,
    UUID: str,
    list: _list,
    dict: _json,
}
