"""Salesforce ids: 15 case-sensitive characters plus a 3-character checksum of their case.

Belongs here: the id format and the factory of new ids. Not here: which object has which prefix (schema/).
Imports nothing of the emulator.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_INSTANCE = "xx0"
_NUMBER_WIDTH = 9
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?", re.ASCII)


def is_well_formed(id_: str) -> bool:
    """True for 15 alphanumeric characters, or 18 whose checksum fits the case-folded body."""
    if not _SHAPE.fullmatch(id_):
        return False
    return len(id_) == 15 or _restore_case(id_) is not None


@lru_cache(maxsize=65536)
def to_18(id_: str) -> str:
    """The 18-character form of a 15- or 18-character id; the checksum of the latter mends its case.

    Raises:
        ValueError: the text isn't a well-formed id.
    """
    if not _SHAPE.fullmatch(id_):
        raise ValueError(f"malformed id {id_}")
    body = id_ if len(id_) == 15 else _restore_case(id_)
    if body is None:
        raise ValueError(f"malformed id {id_}")
    return body + _checksum(body)


def _checksum(body: str) -> str:
    return _suffix(body[:5]) + _suffix(body[5:10]) + _suffix(body[10:])


@lru_cache(maxsize=65536)
def _suffix(chunk: str) -> str:
    return _CHECKSUM[sum(1 << bit for bit, char in enumerate(chunk) if "A" <= char <= "Z")]


def _restore_case(id_: str) -> str | None:
    """The body with the case its checksum tells, or None when a digit is said to be upper case."""
    chars: list[str] = []
    for chunk_index, mark in enumerate(id_[15:].upper()):
        bits = _CHECKSUM.find(mark)
        if bits < 0:
            return None
        chunk = id_[chunk_index * 5 : chunk_index * 5 + 5]
        for bit, char in enumerate(chunk):
            is_upper = bool(bits >> bit & 1)
            if is_upper and not char.isalpha():
                return None
            chars.append(char.upper() if is_upper else char.lower())
    return "".join(chars)


class IdFactory:
    """Makes new ids, one rising counter for each key prefix. Thread-safe."""

    def __init__(self, counters: Mapping[str, int] | None = None) -> None:
        """Continue from `counters` (key prefix to the last number used)."""
        self._lock = Lock()
        self._counters = dict(counters or {})

    def next(self, key_prefix: str) -> str:
        """One new 18-character id of `key_prefix` (three characters)."""
        return self.take(key_prefix, 1)[0]

    def take(self, key_prefix: str, count: int) -> list[str]:
        """`count` new 18-character ids of `key_prefix`, ascending."""
        with self._lock:
            first = self._counters.get(key_prefix, 0) + 1
            self._counters[key_prefix] = first + count - 1
        head = key_prefix + _INSTANCE
        bodies = [head + _base62(number) for number in range(first, first + count)]
        return [body + _checksum(body) for body in bodies]

    def reset(self, counters: Mapping[str, int] | None = None) -> None:
        """Continue from `counters`, or start every key prefix anew."""
        with self._lock:
            self._counters = dict(counters or {})

    def counters(self) -> dict[str, int]:
        """The last number used of each key prefix, to be stored."""
        with self._lock:
            return dict(self._counters)


def _base62(number: int) -> str:
    chars: list[str] = []
    while number:
        number, digit = divmod(number, 62)
        chars.append(_DIGITS[digit])
    return "".join(reversed(chars)).rjust(_NUMBER_WIDTH, "0")
