"""Parquet files of the lake: a file appears whole, by rename, or not at all, and is never rewritten."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from sf_pipelines.lake.errors import LakeError

ROW_GROUP_ROWS = 131_072
READ_BATCH_ROWS = 32_768


class ParquetSink:
    """One file under way; used as a context manager, it appears when the block ends without an error.

    Attributes:
        uri: where the file will be; rows: written so far.
    """

    def __init__(self, lake: str, relative_path: str, schema: pa.Schema) -> None:
        self._files, root = _filesystem(lake)
        self._path = posixpath.join(root, relative_path)
        self._part = posixpath.join(posixpath.dirname(self._path), f".{uuid4().hex}.part")
        self._schema = schema
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0
        self.uri = f"{lake.rstrip('/')}/{relative_path}"

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch; row groups are written when they are full.

        Raises:
            LakeError: the lake cannot be written; nothing is left behind.
        """
        self._held.append(batch)
        self._held_rows += batch.num_rows
        self.rows += batch.num_rows
        if self._held_rows >= ROW_GROUP_ROWS:
            self._flush()

    def __enter__(self) -> Self:
        try:
            self._files.create_dir(posixpath.dirname(self._part), recursive=True)
            self._writer = pq.ParquetWriter(
                self._part, self._schema, filesystem=self._files, compression="zstd"
            )
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard()
            return
        self._flush()
        try:
            assert self._writer is not None
            self._writer.close()
            self._files.move(self._part, self._path)
        except OSError as failure:
            self._discard()
            raise self._unwritable(failure) from failure

    def _flush(self) -> None:
        if not self._held:
            return
        assert self._writer is not None
        try:
            self._writer.write_table(pa.Table.from_batches(self._held, self._schema))
        except OSError as error:
            raise self._unwritable(error) from error
        self._held, self._held_rows = [], 0

    def _discard(self) -> None:
        # closing writes a footer, which fails again on a full disk: the file goes away either way
        with suppress(OSError):
            if self._writer is not None:
                self._writer.close()
        with suppress(OSError):
            self._files.delete_file(self._part)

    def _unwritable(self, error: OSError) -> LakeError:
        return LakeError(
            f"The lake cannot be written at {self.uri} ({error}): free space, mend the permissions, or set "
            "SF_PIPELINES_LAKE to another folder."
        )


def read_parquet(uri: str) -> Iterator[pa.RecordBatch]:
    """Batches of a file in order.

    Raises:
        LakeError: there is no such file.
    """
    folder, name = posixpath.split(uri)
    files, root = _filesystem(folder)
    try:
        with pq.ParquetFile(files.open_input_file(posixpath.join(root, name))) as file:
            yield from file.iter_batches(READ_BATCH_ROWS)
    except OSError as error:
        raise LakeError(f"The lake file {uri} cannot be read ({error}).") from error


def _filesystem(lake: str) -> tuple[fs.FileSystem, str]:
    if "://" not in lake:
        return fs.LocalFileSystem(), str(Path(lake).absolute())
    try:
        return fs.FileSystem.from_uri(lake)
    except (pa.ArrowInvalid, OSError) as error:
        raise LakeError(f"SF_PIPELINES_LAKE is {lake}, which cannot be opened ({error}).") from error
