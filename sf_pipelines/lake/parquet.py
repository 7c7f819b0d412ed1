"""Parquet files of the lake: a file appears whole, by rename, or not at all, and is never rewritten."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from sf_pipelines.lake.errors import LakeError
from sf_pipelines.lake.filesystems import lake_uri, open_lake

ROW_GROUP_ROWS = 131_072
ROW_GROUP_MAX_BYTES = 8 << 20
"""Rows are held until their group is full; wide rows fill it by bytes, so that memory is bounded."""

READ_BATCH_ROWS = 8_192


class ParquetSink:
    """One file under way; used as a context manager, it appears when the block ends without an error.

    Attributes:
        uri: where the file will be.
        rows: taken so far; bytes_written: size of the file, 0 until it appeared.
    """

    def __init__(self, lake_url: str, relative_path: str, schema: pa.Schema) -> None:
        self._files, root = open_lake(lake_url)
        self._path = posixpath.join(root, relative_path)
        self._part = posixpath.join(posixpath.dirname(self._path), f".{uuid4().hex}.part")
        self._schema = schema
        self._held: list[pa.RecordBatch] = []
        self._held_rows = self._held_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0
        self.bytes_written = 0
        self.uri = lake_uri(lake_url, relative_path)

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch; row groups are written when they are full.

        Raises:
            LakeError: the lake cannot be written.
        """
        self._held.append(batch)
        self._held_rows += batch.num_rows
        self._held_bytes += batch.nbytes
        self.rows += batch.num_rows
        if self._held_rows >= ROW_GROUP_ROWS or self._held_bytes >= ROW_GROUP_MAX_BYTES:
            try:
                self._flush()
            except OSError as error:
                raise self._unwritable(error) from error

    def __enter__(self) -> Self:
        try:
            self._files.create_dir(posixpath.dirname(self._part), recursive=True)
            self._writer = pq.ParquetWriter(
                self._part, self._schema, filesystem=self._files, compression="zstd"
            )
        except OSError as error:
            self._discard()
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._discard()
            return
        try:
            self._flush()
            self._publish()
        except BaseException as failure:
            self._discard()
            if isinstance(failure, OSError):
                raise self._unwritable(failure) from failure
            raise

    def _flush(self) -> None:
        if self._held:
            assert self._writer is not None
            self._writer.write_table(pa.Table.from_batches(self._held, self._schema))
            self._held, self._held_rows, self._held_bytes = [], 0, 0

    def _publish(self) -> None:
        assert self._writer is not None
        self._writer.close()
        if self._files.get_file_info(self._path).type is not fs.FileType.NotFound:
            raise LakeError(f"The lake file {self.uri} exists and is never rewritten: choose another name.")
        if isinstance(self._files, fs.LocalFileSystem):
            _sync_to_disk(self._part)
        self.bytes_written = self._files.get_file_info(self._part).size
        self._files.move(self._part, self._path)

    def _discard(self) -> None:
        # closing writes a footer, which fails again on a full disk: the file goes away either way
        with suppress(OSError):
            if self._writer is not None:
                self._writer.close()
        with suppress(OSError):
            self._files.delete_file(self._part)

    def _unwritable(self, error: OSError) -> LakeError:
        reason = error.strerror or str(error).splitlines()[0]
        return LakeError(
            f"The lake cannot be written at {self.uri} ({reason}): free space, mend the permissions, or set "
            "SF_PIPELINES_LAKE to another folder."
        )


def remove_file(lake_url: str, relative_path: str) -> None:
    """Take away a file that no ledger names, if it is there.

    Raises:
        LakeError: the lake cannot be reached.
    """
    files, root = open_lake(lake_url)
    path = posixpath.join(root, relative_path)
    try:
        if files.get_file_info(path).type is fs.FileType.File:
            files.delete_file(path)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise LakeError(f"The lake file {relative_path} cannot be removed ({reason}): remove it.") from error


def read_parquet(uri: str) -> Iterator[pa.RecordBatch]:
    """Batches of a file in order.

    Raises:
        LakeError: there is no such file, or it is no Parquet.
    """
    files, path = open_lake(uri)
    try:
        with (
            files.open_input_file(path) as opened,
            pq.ParquetFile(opened) as file,
        ):
            yield from file.iter_batches(READ_BATCH_ROWS)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise LakeError(f"The lake file {uri} cannot be read ({reason}): run its window again.") from error


def _sync_to_disk(path: str) -> None:
    """A rename may reach the disk before the bytes do: without this a power cut leaves an empty file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
