"""Nouns of the model in the form that PostgreSQL can hold: JSON for jsonb columns, text without NUL."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import orjson

_NUL_IN_JSON = rb"\u0000"

NUL_SYMBOL = "\u2400"
"""Stands for NUL, which neither text nor jsonb can hold."""


def to_json(value: Any) -> Any:
    """A dataclass, mapping, sequence or plain value as JSON types: enums by value, times in ISO 8601.

    Numbers that JSON lacks (infinity, not-a-number) become text.

    Raises:
        TypeError: there is no agreed form for a value of this type.
    """
    if isinstance(value, Enum):
        return to_json(value.value)
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int):
        return value
    return _to_json_deep(value)


def _to_json_deep(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(to_json(key)): to_json(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(to_json(item) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [to_json(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form: add one in ledger/jsonable.py.")


def dumps(value: Any) -> str:
    """JSON text of any of these values."""
    return json.dumps(to_json(value), ensure_ascii=False, allow_nan=False)


def dumps_plain(values: Mapping[str, str | float | bool | None]) -> str:
    """The same for a flat mapping of plain values, in a fraction of the time."""
    if any(isinstance(value, float) and not math.isfinite(value) for value in values.values()):
        return dumps(values)
    try:
        text = orjson.dumps(values)
    except orjson.JSONEncodeError:  # a lone surrogate, or an integer beyond 64 bits
        return dumps(values)
    return dumps(values) if _NUL_IN_JSON in text else text.decode()


def storable(text: str) -> str:
    """The text with NUL as its visible symbol and lone surrogates, which have no UTF-8, as `?`."""
    if text.isascii():
        return text.replace("\x00", NUL_SYMBOL)
    return text.replace("\x00", NUL_SYMBOL).encode("utf-8", "replace").decode()
