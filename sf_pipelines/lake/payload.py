"""The rows of one load as they are sent: CSV chunks on disk, cut on record boundaries.

One form serves all: Bulk uploads the bytes, REST reads the rows back, and results are joined to them.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from sf_pipelines.config.limits import BULK_JOB_MAX_BYTES_RAW
from sf_pipelines.lake.csv_rows import read_csv_text
from sf_pipelines.lake.errors import LakeError, SourceError
from sf_pipelines.model.sync import FieldMapping, LoadSync


@dataclass(frozen=True, kw_only=True, slots=True)
class PayloadChunk:
    """One CSV file of at most a job's size.

    Attributes:
        number: from 0; rows: without the header; bytes_raw: with it.
    """

    number: int
    path: Path
    key: str
    rows: int
    bytes_raw: int

    def body(self, block_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The file in blocks, from its start at each call."""
        with self.path.open("rb") as file:
            while block := file.read(block_bytes):
                yield block

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows as text columns, in file order, empty values null."""
        with self.path.open("rb") as file:
            yield from read_csv_text(file)

    def keys(self) -> NDArray[np.uint64]:
        """Hash of each row's key, in file order."""
        hashes = [key_hashes(batch.column(self.key)) for batch in self.batches()]
        return np.concatenate(hashes) if hashes else np.empty(0, dtype=np.uint64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """All rows of a load."""

    columns: tuple[str, ...]
    key: str
    rows: int
    bytes_raw: int
    chunks: tuple[PayloadChunk, ...]


def key_hashes(values: pa.Array | pa.ChunkedArray) -> NDArray[np.uint64]:
    """A 64-bit hash of each key, null as the empty text.

    Eight bytes a row instead of the key itself keep a join of millions of rows in memory; among ten
    million keys two share a hash with a chance of three in a million.
    """
    texts = values.fill_null("").to_numpy(zero_copy_only=False)
    return pd.util.hash_array(texts.astype(object), categorize=False)


def write_payload(
    batches: Iterable[pa.RecordBatch],
    *,
    sync: LoadSync,
    folder: Path,
    max_bytes: int = BULK_JOB_MAX_BYTES_RAW,
) -> Payload:
    """Map source rows to the fields of a sync and write them as chunks.

    Empty text is written like null, since the org stores no empty text.

    Raises:
        SourceError: one row alone is larger than a job may be.
        LakeError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = _ChunkWriter(folder, sync, max_bytes)
    try:
        for batch in batches:
            writer.write(_mapped(batch, sync.fields))
        chunks = writer.finish()
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise LakeError(
            f"The spool folder {folder} cannot be written ({error.strerror}): free space, or set "
            "SF_PIPELINES_HOME to another folder."
        ) from error
    return Payload(
        columns=sync.field_names,
        key=sync.key,
        rows=sum(chunk.rows for chunk in chunks),
        bytes_raw=sum(chunk.bytes_raw for chunk in chunks),
        chunks=tuple(chunks),
    )


class _ChunkWriter:
    def __init__(self, folder: Path, sync: LoadSync, max_bytes: int) -> None:
        self._folder = folder
        self._key = sync.key
        self._max_bytes = max_bytes
        self._header = _csv_bytes(_empty(sync.field_names), header=True)
        self._chunks: list[PayloadChunk] = []
        self._file: BinaryIO | None = None
        self._path = folder
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows == 0:
            return
        text = _csv_bytes(batch, header=False)
        if self._file is not None and self._bytes + len(text) > self._max_bytes:
            self._close()
        if len(self._header) + len(text) > self._max_bytes:
            self._write_halves(batch)
            return
        file = self._file or self._open()
        file.write(text)
        self._rows += batch.num_rows
        self._bytes += len(text)

    def finish(self) -> list[PayloadChunk]:
        if self._file is not None:
            self._close()
        return self._chunks

    def _write_halves(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows == 1:
            key = batch.column(self._key)[0].as_py()
            raise SourceError(
                f"The row with key {key} is larger than one job may be ({self._max_bytes:,} bytes)."
            )
        middle = batch.num_rows // 2
        self.write(batch.slice(0, middle))
        self.write(batch.slice(middle))

    def _open(self) -> BinaryIO:
        self._path = self._folder / f"chunk-{len(self._chunks):05d}.csv"
        self._file = self._path.open("wb")
        self._file.write(self._header)
        self._rows, self._bytes = 0, len(self._header)
        return self._file

    def _close(self) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None
        chunk = PayloadChunk(
            number=len(self._chunks), path=self._path, key=self._key, rows=self._rows, bytes_raw=self._bytes
        )
        self._chunks.append(chunk)


def _mapped(batch: pa.RecordBatch, mappings: tuple[FieldMapping, ...]) -> pa.RecordBatch:
    columns = [_translated(batch.column(mapping.column), mapping.values) for mapping in mappings]
    return pa.RecordBatch.from_arrays(columns, names=[mapping.field for mapping in mappings])


def _translated(column: pa.Array, values: Mapping[str, str]) -> pa.Array:
    filled = pc.if_else(pc.equal(column, pa.scalar("")), pa.scalar(None, pa.string()), column)
    if not values:
        return filled
    positions = pc.index_in(filled, pa.array(list(values), pa.string()))
    return pc.coalesce(pa.array(list(values.values()), pa.string()).take(positions), filled)


def _csv_bytes(batch: pa.RecordBatch, *, header: bool) -> bytes:
    buffer = io.BytesIO()
    csv.write_csv(batch, buffer, csv.WriteOptions(include_header=header, quoting_style="needed"))
    return buffer.getvalue()


def _empty(names: tuple[str, ...]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in names], names=list(names))
