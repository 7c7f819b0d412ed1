"""Avro's binary forms of the few types that change events are made of.

fastavro writes any schema, and asks each value which branch of its union it is of: several times the cost of
knowing it. Tests read what this module writes with fastavro.
Belongs here: primitive values. Not here: events (encoding.py). Imports nothing of the emulator.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from datetime import date
from functools import lru_cache
from typing import Any

NULL = b"\x00"
"""The first branch of a union, which holds nothing more."""
SOME = b"\x02"
"""The second branch of a union; its value follows."""
_DAY_MS = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_double = struct.Struct("<d").pack
_TRUE, _FALSE = SOME + b"\x01", SOME + b"\x00"


def _varint(number: int) -> bytes:
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


_SMALL = tuple(_varint(number) for number in range(1024))


@lru_cache(maxsize=4096)
def _large(number: int) -> bytes:
    return _varint(number)


def whole(number: int) -> bytes:
    """An int or a long."""
    return _SMALL[number] if 0 <= number < 1024 else _large(number)


def text(value: str) -> bytes:
    """A string."""
    content = value.encode()
    return whole(len(content)) + content


def texts(values: Iterable[str]) -> bytes:
    """An array of strings."""
    items = list(map(text, values))
    return b"".join((whole(len(items)), *items, NULL)) if items else NULL


@lru_cache(maxsize=16384)
def date_ms(iso: str) -> int:
    """UTC midnight of a day in epoch milliseconds ([D] section 8)."""
    return (date.fromisoformat(iso).toordinal() - _EPOCH_DAY) * _DAY_MS


def _some_text(value: Any) -> bytes:
    content = value.encode()
    return SOME + whole(len(content)) + content


def _some_long(value: Any) -> bytes:
    return SOME + whole(date_ms(value) if isinstance(value, str) else value)


OPTIONAL: dict[str, Callable[[Any], bytes]] = {
    "string": _some_text,
    "boolean": lambda value: _TRUE if value else _FALSE,
    "int": lambda value: SOME + whole(value),
    "long": _some_long,
    "double": lambda value: SOME + _double(value),
}
"""Avro type to what writes a stored value that isn't null into a union of null and that type."""
