"""Rows that Salesforce could only refuse: set aside before anything is sent, with the reason told later.

A value of a field has at most 131,072 characters and a record 400,000 ([D] BULKG); a Bulk job with a longer
one fails as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from sf_pipelines.config.limits import BULK_FIELD_MAX_CHARACTERS, BULK_RECORD_MAX_CHARACTERS
from sf_pipelines.lake.chunk import PayloadChunk
from sf_pipelines.lake.chunk_writer import ChunkWriter, writing

FILE_MAX_BYTES = 1 << 40
SHOWN_CHARACTERS = 1_000
"""How much of a value that is too long is kept: the source has all of it."""


class RowRefusals:
    """Splits batches, and keeps what is refused in a file of its own."""

    def __init__(self, folder: Path, *, key: str) -> None:
        self._folder = folder
        self._key = key
        self._writer: ChunkWriter | None = None

    def split(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows that may be sent."""
        for batch in batches:
            is_refused = _too_long(batch)
            if is_refused is None:
                yield batch
                continue
            self._keep(batch.filter(is_refused))
            yield batch.filter(pc.invert(is_refused))

    def finish(self) -> PayloadChunk | None:
        """The refused rows, their long values cut; None where there are none."""
        chunks = self._writer.finish() if self._writer else []
        return chunks[0] if chunks else None

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._writer:
            self._writer.discard()

    def _keep(self, refused: pa.RecordBatch) -> None:
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._writer is None:
                self._writer = ChunkWriter(
                    self._folder,
                    columns=tuple(refused.schema.names),
                    key=self._key,
                    max_bytes=FILE_MAX_BYTES,
                    name="refused",
                )
            columns = [_cut(column) for column in refused.columns]
            self._writer.write(pa.RecordBatch.from_arrays(columns, names=refused.schema.names))


def long_fields(values: dict[str, str | None]) -> tuple[str, ...]:
    """Which values of a refused row were cut, by the mark that the cut has left."""
    return tuple(name for name, value in values.items() if value is not None and value.endswith(_MARK_END))


_MARK_END = " characters]"


def _too_long(batch: pa.RecordBatch) -> pa.Array | None:
    """Which rows are refused; None where none is, which bytes alone can tell."""
    sizes = [
        pc.fill_null(cast(Any, pc.binary_length(cast(Any, column))), cast(Any, 0)) for column in batch.columns
    ]
    total = sizes[0]
    for size in sizes[1:]:
        total = pc.add(total, size)
    longest = max((pc.max(size).as_py() or 0 for size in sizes), default=0)
    if longest <= BULK_FIELD_MAX_CHARACTERS and (pc.max(total).as_py() or 0) <= BULK_RECORD_MAX_CHARACTERS:
        return None
    lengths = [
        pc.fill_null(cast(Any, pc.utf8_length(cast(Any, column))), cast(Any, 0)) for column in batch.columns
    ]
    total, is_refused = lengths[0], pc.greater(lengths[0], pa.scalar(BULK_FIELD_MAX_CHARACTERS))
    for length in lengths[1:]:
        total = pc.add(total, length)
        is_refused = pc.or_(is_refused, pc.greater(length, pa.scalar(BULK_FIELD_MAX_CHARACTERS)))
    return pc.or_(is_refused, pc.greater(total, pa.scalar(BULK_RECORD_MAX_CHARACTERS)))


def _cut(column: pa.Array) -> pa.Array:
    texts = [
        f"{text[:SHOWN_CHARACTERS]} [cut: {len(text):,}{_MARK_END}"
        if text is not None and len(text) > SHOWN_CHARACTERS
        else text
        for text in column.to_pylist()
    ]
    return pa.array(texts, pa.string())
