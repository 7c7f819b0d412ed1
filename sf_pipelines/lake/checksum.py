"""What a set of rows is, as one number: the same rows in any order and in any batches give the same one.

Taken over Id and SystemModstamp, which the org changes with every write: where two sides agree in it, they
hold the same versions of the same rows.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ID_LENGTH = 15
"""Characters of an Id that tell records apart; the other three of 18 are a checksum of their case."""

MODULUS = 1 << 64

_WEIGHTS = np.random.default_rng(20_260_101).integers(1, MODULUS, size=ID_LENGTH + 1, dtype=np.uint64) | 1
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


def checksum(ids: pa.Array, changed_at: pa.Array) -> int:
    """The sum over the rows of a hash of each, modulo 2^64.

    Args:
        ids: text of 15 or 18 characters.
        changed_at: timestamps in milliseconds.
    """
    if not len(ids):
        return 0
    characters = pc.utf8_slice_codeunits(ids, 0, ID_LENGTH).cast(pa.binary(ID_LENGTH))
    start = characters.offset * ID_LENGTH
    values = cast(Any, characters.buffers()[1])
    raw = np.frombuffer(values, np.uint8)[start : start + len(ids) * ID_LENGTH]
    with np.errstate(over="ignore"):
        hashes = raw.reshape(-1, ID_LENGTH).astype(np.uint64) @ _WEIGHTS[:ID_LENGTH]
        hashes += changed_at.cast(pa.int64()).to_numpy(zero_copy_only=False).astype(np.uint64) * _WEIGHTS[-1]
        # mixed, so that the sum is not that of the bytes alone
        hashes = (hashes ^ (hashes >> _HALF)) * _MIX
        hashes ^= hashes >> _HALF
        return int(hashes.sum(dtype=np.uint64))


def added(*sums: int) -> int:
    """The checksum of sets of rows together."""
    return sum(sums) % MODULUS
