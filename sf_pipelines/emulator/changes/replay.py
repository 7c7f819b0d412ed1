"""Replay ids: a place in the org's stream of change events, as ten opaque bytes.

Belongs here: their form. Not here: which of them are still good (log.py). Imports nothing of the emulator.
"""

from __future__ import annotations

import struct

# [I] a number, then which stream it counts: a stream that was reset refuses the ids of the one before.
_FORM = struct.Struct(">QH")
SLOTS = 64
"""Numbers for each row of the log: the first one is its event's, the last ones those of overflows."""


def to_number(row: int, slot: int = 0) -> int:
    """The number of the event that row `row` of the log begins."""
    return row * SLOTS + slot


def row_of(number: int) -> int:
    """The row of the log behind a number."""
    return number // SLOTS


def encode(number: int, stream: int) -> bytes:
    """The replay id of a number in the stream of that count."""
    return _FORM.pack(number, stream & 0xFFFF)


def decode(replay_id: bytes) -> tuple[int, int]:
    """Number and stream.

    Raises:
        ValueError: no stream of this org ever gave such an id.
    """
    if len(replay_id) != _FORM.size:
        raise ValueError(f"a replay id has {_FORM.size} bytes, not {len(replay_id)}")
    number, stream = _FORM.unpack(replay_id)
    return number, stream
