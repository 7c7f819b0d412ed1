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
# Every byte to 1 for an upper-case letter and to 0 for any other character; five of them to their check mark.
_CASE = bytes(65 <= code <= 90 for code in range(256))
_CHECK_OF = {bytes(bits >> place & 1 for place in range(5)): _CHECKSUM[bits] for bits in range(32)}
_INSTANCE = "xx0"
_NUMBER_WIDTH = 9
SHORT_CHARS = 15
"""Of an id without its checksum, whose letters then mean what their case says."""
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?", re.ASCII)


def is_well_formed(id_: str) -> bool:
    """True for 15 alphanumeric characters, or 18 whose checksum fits the case-folded body."""
    if not _SHAPE.fullmatch(id_):
        return False
    return len(id_) == SHORT_CHARS or _restore_case(id_) is not None


@lru_cache(maxsize=65536)
def to_18(id_: str) -> str:
    """The 18-character form of a 15- or 18-character id; the checksum of the latter mends its case.

    Raises:
        ValueError: the text isn't a well-formed id.
    """
    if not _SHAPE.fullmatch(id_):
        raise ValueError(f"malformed id {id_}")
    if len(id_) == 18 and id_[15:] == _checksum(id_[:15]):
        return id_
    body = id_ if len(id_) == 15 else _restore_case(id_)
    if body is None:
        raise ValueError(f"malformed id {id_}")
    return body + _checksum(body)


def _checksum(body: str) -> str:
    case = body.encode().translate(_CASE)
    return _CHECK_OF[case[:5]] + _CHECK_OF[case[5:10]] + _CHECK_OF[case[10:]]


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
        first = self.numbers(key_prefix, count).start
        ids: list[str] = []
        base = len(_DIGITS)
        for block in range(first // base, (first + count - 1) // base + 1):
            start = block * base
            ids += _block(key_prefix + _INSTANCE + _base62(block, _NUMBER_WIDTH - 1))[
                max(0, first - start) : first + count - start
            ]
        return ids

    def numbers(self, counter: str, count: int) -> range:
        """The next `count` numbers of any counter: a key prefix, or an auto-number field."""
        with self._lock:
            first = self._counters.get(counter, 0) + 1
            self._counters[counter] = first + count - 1
        return range(first, first + count)

    def reset(self, counters: Mapping[str, int] | None = None) -> None:
        """Continue from `counters`, or start every key prefix anew."""
        with self._lock:
            self._counters = dict(counters or {})

    def counters(self) -> dict[str, int]:
        """The last number used of each key prefix, to be stored."""
        with self._lock:
            return dict(self._counters)


def _block(stem: str) -> list[str]:
    """The ids of the 62 numbers that share all digits but the last: they have two checksums in all."""
    lower, upper = _checksum(stem + "0"), _checksum(stem + "A")
    return [stem + digit + (upper if "A" <= digit <= "Z" else lower) for digit in _DIGITS]


def _base62(number: int, width: int) -> str:
    chars: list[str] = []
    while number:
        number, digit = divmod(number, 62)
        chars.append(_DIGITS[digit])
    return "".join(reversed(chars)).rjust(width, "0")
