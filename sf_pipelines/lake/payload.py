"""The rows of one load as they are sent: CSV chunks on disk, cut on record boundaries.

One form serves all: Bulk uploads the bytes, REST reads the rows back, and results are joined to them.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from sf_pipelines.config.limits import BULK_JOB_MAX_BYTES_RAW
from sf_pipelines.lake.csv_rows import read_csv_text
from sf_pipelines.lake.errors import LakeError, SourceError
from sf_pipelines.lake.salesforce_text import without_empty_text
from sf_pipelines.model.sync import FieldMapping, LoadSync


@dataclass(frozen=True, kw_only=True, slots=True)
class PayloadChunk:
    """One CSV file of at most a job's size.

    Attributes:
        number: from 0; rows: without the header; bytes_raw: with it.
        key: the field that identifies a row.
    """

    number: int
    path: Path
    key: str
    rows: int
    bytes_raw: int

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
        with self.open() as file:
            yield from read_csv_text(file, columns=columns)

    def keys(self) -> NDArray[np.uint64]:
        """Hash of each row's key, in file order."""
        hashes = [key_hashes(batch.column(self.key)) for batch in self.batches([self.key])]
        return np.concatenate(hashes) if hashes else np.empty(0, dtype=np.uint64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """All rows of a load."""

    columns: tuple[str, ...]
    key: str
    rows: int
    bytes_raw: int
    chunks: tuple[PayloadChunk, ...]

    def remove(self) -> None:
        """Delete the chunks, and their folder if nothing else is in it."""
        _remove([chunk.path for chunk in self.chunks])


def key_hashes(values: pa.Array | pa.ChunkedArray | NDArray[np.object_]) -> NDArray[np.uint64]:
    """A 64-bit hash of each key, null as the empty text.

    Eight bytes a row instead of the key itself keep a join of millions of rows in memory; among ten
    million keys two share a hash with a chance of three in a million, where 32 bits would make it certain.
    """
    column = pa.array(values, pa.string()) if isinstance(values, np.ndarray) else values
    texts = column.fill_null(cast(Any, "")).to_numpy(zero_copy_only=False)
    return pd.util.hash_array(texts.astype(object, copy=False), categorize=False)


def write_payload(
    batches: Iterable[pa.RecordBatch],
    *,
    sync: LoadSync,
    folder: Path,
    max_bytes: int = BULK_JOB_MAX_BYTES_RAW,
) -> Payload:
    """Map source rows to the fields of a sync and write them as chunks: RFC 4180, LF, UTF-8.

    Empty text is written like null, since the org stores no empty text. `#N/A` in a source is left as it
    is: to Salesforce it is the word for "set to null".

    Args:
        batches: text columns, among them those that the sync's fields name.
        sync: columns, `values` maps and key.
        folder: where the chunks go; made if missing.
        max_bytes: of one chunk, header included.

    Raises:
        SourceError: a column is missing, a field is filled twice, or one row alone is larger than a chunk.
        LakeError: the folder cannot be written. After any error no chunk is left behind.
    """
    _check_fields(sync)
    writer = _ChunkWriter(folder, sync, max_bytes)
    try:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for batch in batches:
            mapped = _mapped(batch, sync)
            with _writing(folder):
                writer.write(mapped)
        with _writing(folder):
            chunks = writer.finish()
    except BaseException:
        writer.discard()
        raise
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
        self._header = _csv_bytes(_empty(sync.field_names), include_header=True)
        self._chunks: list[PayloadChunk] = []
        self._file: BinaryIO | None = None
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows == 0:
            return
        text = _csv_bytes(batch, include_header=False)
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

    def discard(self) -> None:
        if self._file is not None:
            # closing writes what is still buffered, which fails again on a full disk
            with suppress(OSError):
                self._file.close()
        _remove([*(chunk.path for chunk in self._chunks), self._path()])

    def _write_halves(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows == 1:
            key = batch.column(self._key)[0].as_py()
            raise SourceError(
                f"The row with key {key} is larger than one job may be ({self._max_bytes:,} bytes): "
                "shorten it."
            )
        middle = batch.num_rows // 2
        self.write(batch.slice(0, middle))
        self.write(batch.slice(middle))

    def _path(self) -> Path:
        return self._folder / f"chunk-{len(self._chunks):05d}.csv"

    def _open(self) -> BinaryIO:
        self._file = self._path().open("wb")
        self._file.write(self._header)
        self._rows, self._bytes = 0, len(self._header)
        return self._file

    def _close(self) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None
        chunk = PayloadChunk(
            number=len(self._chunks), path=self._path(), key=self._key, rows=self._rows, bytes_raw=self._bytes
        )
        self._chunks.append(chunk)


def _check_fields(sync: LoadSync) -> None:
    for name in sync.field_names:
        if sync.field_names.count(name) > 1:
            raise SourceError(f"{sync.name} fills the field {name} twice: keep one of them.")
    if sync.key not in sync.field_names:
        raise SourceError(f"{sync.name} has the key {sync.key}, which is none of its fields: add it to them.")


def _mapped(batch: pa.RecordBatch, sync: LoadSync) -> pa.RecordBatch:
    columns = [_translated(_column(batch, mapping, sync), mapping.values) for mapping in sync.fields]
    if len(columns) == 1:
        # the only value of a row must be quoted when it is empty: readers skip blank lines
        columns = [columns[0].fill_null(pa.scalar(""))]
    return pa.RecordBatch.from_arrays(columns, names=list(sync.field_names))


def _column(batch: pa.RecordBatch, mapping: FieldMapping, sync: LoadSync) -> pa.Array:
    names = batch.schema.names
    if mapping.column not in names:
        raise SourceError(
            f"{sync.name} fills {mapping.field} from the column {mapping.column}, which its source does not "
            f"have; it has {', '.join(names)}."
        )
    return batch.column(mapping.column)


def _translated(column: pa.Array, values: Mapping[str, str]) -> pa.Array:
    if values:
        positions = pc.index_in(column, pa.array(list(values), pa.string()))
        column = pc.coalesce(pa.array(list(values.values()), pa.string()).take(positions), column)
    return without_empty_text(column)


def _csv_bytes(batch: pa.RecordBatch, *, include_header: bool) -> memoryview:
    buffer = io.BytesIO()
    # "needed" quotes every text and leaves null empty
    csv.write_csv(batch, buffer, csv.WriteOptions(include_header=include_header, quoting_style="needed"))
    return buffer.getbuffer()


def _empty(names: tuple[str, ...]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in names], names=list(names))


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    if paths:
        # refused by the system while other files are in it
        with suppress(OSError):
            paths[0].parent.rmdir()


@contextmanager
def _writing(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise LakeError(
            f"The spool folder {folder} cannot be written ({error.strerror}): free space, mend the "
            "permissions, or set SF_PIPELINES_HOME to another folder."
        ) from error
