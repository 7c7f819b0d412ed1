"""Which row is which: hashes of a key or of a whole row, over the values that a text stands for.

Salesforce writes numbers its own way (`912260031` comes back as `9.12260031E8` [R]), so values of number
fields are compared as numbers. Everything else is compared as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

DIGEST_BYTES = 16
SIGNATURE_BYTES = 8

NUMBER_TYPES = frozenset({"int", "integer", "long", "double", "currency", "percent"})

_PLAIN_NUMBER = re.compile(r"0|-?[1-9][0-9]*")
_NULL, _SEPARATOR = "\x00", "\x1f"


@dataclass(frozen=True, kw_only=True, slots=True)
class RowIdentity:
    """What tells the rows of a load apart.

    Attributes:
        columns: the key alone, or every column where no field of the object is unique.
        numbers: those of them that hold numbers.
    """

    columns: tuple[str, ...]
    numbers: frozenset[str] = frozenset()

    @property
    def signature(self) -> str:
        """Stands for this identity in the name of a file: hashes by another one are of no use."""
        told = repr((self.columns, sorted(self.numbers)))
        return blake2b(told.encode(), digest_size=SIGNATURE_BYTES).hexdigest()

    def hashes(self, batch: pa.RecordBatch) -> Hashes:
        """A 64-bit hash of each row.

        Eight bytes a row instead of the values themselves keep a join of millions of rows in memory; among
        ten million rows two share a hash with a chance of three in a million.
        """
        if len(self.columns) == 1:
            return text_hashes(self._canonical(batch, self.columns[0]))
        total = np.zeros(batch.num_rows, dtype=np.uint64)
        for name in self.columns:
            total *= np.uint64(1_099_511_628_211)
            total ^= text_hashes(self._canonical(batch, name))
        return total

    def digests(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """A digest of each row, 16 bytes: as good as the row itself to tell whether it has changed."""
        columns: list[Any] = [
            self._canonical(batch, name).fill_null(cast(Any, _NULL)) for name in self.columns
        ]
        joined = pc.binary_join_element_wise(*columns, cast(Any, _SEPARATOR))
        for text in joined.to_pylist():
            yield blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()

    def _canonical(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        column = batch.column(name)
        return canonical_numbers(column) if name in self.numbers else column


def text_hashes(values: pa.Array | pa.ChunkedArray) -> Hashes:
    """A 64-bit hash of each text, null as the empty text."""
    texts = values.fill_null(cast(Any, "")).to_numpy(zero_copy_only=False)
    return pd.util.hash_array(texts.astype(object, copy=False), categorize=False)


def canonical_numbers(column: pa.Array) -> pa.Array:
    """Numbers in one spelling, `9.12260031E8` as `912260031`; what is no number stays as it is."""
    is_plain = pc.match_substring_regex(column, f"^(?:{_PLAIN_NUMBER.pattern})$")
    if pc.all(pc.fill_null(cast(Any, is_plain), cast(Any, True))).as_py() in (True, None):
        return column
    return pa.array([canonical_number(text) for text in column.to_pylist()], pa.string())


def canonical_number(text: str | None) -> str | None:
    """One number in one spelling."""
    if text is None or _PLAIN_NUMBER.fullmatch(text):
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite():
        return text
    return f"{number.normalize():f}" if number else "0"


def concatenated(hashes: Sequence[Hashes]) -> Hashes:
    """All of them, also where there is none."""
    return np.concatenate([*hashes, np.empty(0, dtype=np.uint64)])
