"""Rows into CSV files of bounded size: RFC 4180, LF, UTF-8, cut on record boundaries."""

from __future__ import annotations

import io
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import csv

from sf_pipelines.lake.chunk import PayloadChunk, hashes_path
from sf_pipelines.lake.errors import LakeError, SourceError
from sf_pipelines.lake.row_hashes import Hashes, RowIdentity, concatenated


class ChunkWriter:
    """Batches in, files out; a batch stays in one file unless it is larger than a file may be."""

    def __init__(
        self,
        folder: Path,
        *,
        columns: tuple[str, ...],
        key: str,
        max_bytes: int,
        max_rows: int | None = None,
        name: str = "chunk",
        identity: RowIdentity | None = None,
    ) -> None:
        """Write nothing yet.

        Args:
            identity: keeps the hashes of each file's rows beside it, for the join with their results.
        """
        self._identity = identity
        self._hashes: list[Hashes] = []
        self._folder = folder
        self._key = key
        self._name = name
        self._max_bytes = max_bytes
        self._max_rows = max_rows or sys.maxsize
        self._header = _csv_bytes(_empty(columns), include_header=True)
        self._shares_parent = False
        self._chunks: list[PayloadChunk] = []
        self._file: BinaryIO | None = None
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch, *, shares_parent: bool = False) -> None:
        """Add a batch, in a new file where the open one has no room for it.

        Args:
            shares_parent: whether it begins with the parent that the batch before ended with.

        Raises:
            SourceError: one row alone is larger than a file may be.
        """
        if batch.num_rows == 0:
            return
        text = _csv_bytes(batch, include_header=False)
        is_full = self._bytes + len(text) > self._max_bytes or self._rows + batch.num_rows > self._max_rows
        if self._file is not None and is_full:
            self._close()
        if len(self._header) + len(text) > self._max_bytes or batch.num_rows > self._max_rows:
            self._write_halves(batch, shares_parent=shares_parent)
            return
        if self._file is None:
            self._shares_parent = shares_parent
        file = self._file or self._open()
        file.write(text)
        if self._identity is not None:
            self._hashes.append(self._identity.hashes(batch))
        self._rows += batch.num_rows
        self._bytes += len(text)

    def finish(self) -> list[PayloadChunk]:
        """Close the last file, and give them all."""
        if self._file is not None:
            self._close()
        return self._chunks

    def discard(self) -> None:
        """Leave nothing behind."""
        if self._file is not None:
            # closing writes what is still buffered, which fails again on a full disk
            with suppress(OSError):
                self._file.close()
        remove_files([*self._kept(), *(chunk.path for chunk in self._chunks), self._path()])

    def _write_halves(self, batch: pa.RecordBatch, *, shares_parent: bool) -> None:
        if batch.num_rows == 1:
            key = batch.column(self._key)[0].as_py()
            raise SourceError(
                f"The row with key {key} is larger than one job may be ({self._max_bytes:,} bytes): "
                "shorten it."
            )
        middle = batch.num_rows // 2
        self.write(batch.slice(0, middle), shares_parent=shares_parent)
        # where rows are grouped, a cut in mid-batch may part a parent
        self.write(batch.slice(middle), shares_parent=True)

    def _kept(self) -> list[Path]:
        if self._identity is None:
            return []
        return [hashes_path(chunk.path, self._identity) for chunk in self._chunks]

    def _path(self) -> Path:
        return self._folder / f"{self._name}-{len(self._chunks):05d}.csv"

    def _open(self) -> BinaryIO:
        self._file = self._path().open("wb")
        self._file.write(self._header)
        self._rows, self._bytes = 0, len(self._header)
        return self._file

    def _close(self) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None
        if self._identity is not None:
            np.save(hashes_path(self._path(), self._identity), concatenated(self._hashes))
            self._hashes = []
        chunk = PayloadChunk(
            number=len(self._chunks),
            path=self._path(),
            key=self._key,
            rows=self._rows,
            bytes_raw=self._bytes,
            shares_parent=self._shares_parent,
        )
        self._chunks.append(chunk)


def _csv_bytes(batch: pa.RecordBatch, *, include_header: bool) -> memoryview:
    buffer = io.BytesIO()
    # "needed" quotes every text and leaves null empty
    csv.write_csv(batch, buffer, csv.WriteOptions(include_header=include_header, quoting_style="needed"))
    return buffer.getbuffer()


def _empty(names: tuple[str, ...]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in names], names=list(names))


def remove_files(paths: list[Path]) -> None:
    """Delete files, and their folder if nothing else is in it."""
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    if paths:
        # refused by the system while other files are in it
        with suppress(OSError):
            paths[0].parent.rmdir()


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Turns an error of the file system into LakeError, which names the folder and the mend."""
    try:
        yield
    except OSError as error:
        raise LakeError(
            f"The spool folder {folder} cannot be written ({error.strerror}): free space, mend the "
            "permissions, or set SF_PIPELINES_HOME to another folder."
        ) from error
