"""One part of a payload on disk: a CSV file, or a range of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from sf_pipelines.lake.csv_rows import read_csv_text
from sf_pipelines.lake.row_hashes import Hashes, RowIdentity, concatenated


@dataclass(frozen=True, kw_only=True, slots=True)
class PayloadChunk:
    """Rows that travel together: a whole file of at most a job's size, or a range of one.

    Attributes:
        number: from 0; rows: without the header; bytes_raw: of the file, with it.
        key: the field that identifies a row.
        first_row: rows of the file before the first of these.
        shares_parent: whether its first rows have the parent that the chunk before ends with.
    """

    number: int
    path: Path
    key: str
    rows: int
    bytes_raw: int
    first_row: int = 0
    shares_parent: bool = False

    def open(self) -> BinaryIO:
        """The file as bytes, from its start."""
        return self.path.open("rb")

    def body(self, block_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The file in blocks, from its start at each call."""
        with self.open() as file:
            while block := file.read(block_bytes):
                yield block

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows as text columns, all by default, in file order, empty values null."""
        position, end = 0, self.first_row + self.rows
        for batch in _read(self.path, columns):
            start, stop = max(0, self.first_row - position), min(batch.num_rows, end - position)
            if start < stop:
                yield batch.slice(start, stop - start)
            position += batch.num_rows
            if position >= end:
                return

    def whole(self) -> pa.RecordBatch:
        """All rows at once."""
        return pa.Table.from_batches(list(self.batches())).combine_chunks().to_batches()[0]

    def hashes(self, identity: RowIdentity) -> Hashes:
        """A hash of each row, in file order: kept since the file was written, else from its rows."""
        # a file that is cut off, or gone, only costs the reading of the rows
        with suppress(OSError, ValueError):
            kept: Hashes = np.load(hashes_path(self.path, identity))[self.first_row :][: self.rows]
            if kept.size == self.rows:
                return kept
        return concatenated([identity.hashes(batch) for batch in self.batches(identity.columns)])


def hashes_path(path: Path, identity: RowIdentity) -> Path:
    """Where the hashes of a file's rows are kept."""
    return path.with_name(f"{path.stem}.{identity.signature}.npy")


def read_ranges(chunks: Iterable[PayloadChunk]) -> Iterator[tuple[PayloadChunk, pa.RecordBatch]]:
    """Each chunk with its rows as one batch; ranges of one file that follow each other cost one pass."""
    path: Path | None = None
    reader: _RowReader | None = None
    for chunk in chunks:
        if reader is None or path != chunk.path or reader.position > chunk.first_row:
            path, reader = chunk.path, _RowReader(_read(chunk.path, None))
        reader.skip_to(chunk.first_row)
        yield chunk, reader.take(chunk.rows)


class _RowReader:
    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._rest: pa.RecordBatch | None = None
        self.position = 0

    def skip_to(self, row: int) -> None:
        while self.position < row and (part := self._part(row - self.position)) is not None:
            self.position += part.num_rows

    def take(self, rows: int) -> pa.RecordBatch:
        parts: list[pa.RecordBatch] = []
        while rows and (part := self._part(rows)) is not None:
            parts.append(part)
            rows -= part.num_rows
            self.position += part.num_rows
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]

    def _part(self, rows: int) -> pa.RecordBatch | None:
        batch = self._rest if self._rest is not None else next(self._batches, None)
        if batch is None:
            return None
        self._rest = batch.slice(rows) if batch.num_rows > rows else None
        return batch.slice(0, rows)


def _read(path: Path, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as file:
        yield from read_csv_text(file, columns=columns)
