"""The rows of one load as they are sent: CSV chunks on disk, cut on record boundaries.

One form serves all: Bulk uploads the bytes, REST reads the rows back, and results are joined to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sf_pipelines.config.limits import BULK_BATCH_ROWS, BULK_JOB_MAX_BYTES_RAW
from sf_pipelines.lake.chunk import PayloadChunk
from sf_pipelines.lake.chunk_writer import ChunkWriter, remove_files, writing
from sf_pipelines.lake.errors import SourceError
from sf_pipelines.lake.json_rows import SET_NULL
from sf_pipelines.lake.parent_order import ParentOrder
from sf_pipelines.lake.row_hashes import RowIdentity
from sf_pipelines.lake.row_refusals import RowRefusals
from sf_pipelines.lake.salesforce_text import without_empty_text
from sf_pipelines.model.sync import EmptyValue, FieldMapping, LoadSync

SelectRows = Callable[[pa.RecordBatch], pa.RecordBatch]
"""Gives the rows of a mapped batch that are to be sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """All rows of a load.

    Attributes:
        rows, bytes_raw: what is to be sent.
        refused: rows that are not, since Salesforce could only refuse them; None where there are none.
        parents: distinct parents of the rows, None where they were not grouped by one.
    """

    columns: tuple[str, ...]
    key: str
    rows: int
    bytes_raw: int
    chunks: tuple[PayloadChunk, ...]
    refused: PayloadChunk | None = None
    parents: int | None = None

    def remove(self) -> None:
        """Delete the chunks, and their folder if nothing else is in it."""
        remove_files([chunk.path for chunk in (*self.chunks, *([self.refused] if self.refused else []))])


def write_payload(
    batches: Iterable[pa.RecordBatch],
    *,
    sync: LoadSync,
    folder: Path,
    max_bytes: int = BULK_JOB_MAX_BYTES_RAW,
    parent: str | None = None,
    select: SelectRows | None = None,
    identity: RowIdentity | None = None,
) -> Payload:
    """Map source rows to the fields of a sync and write them as chunks: RFC 4180, LF, UTF-8.

    Empty text is written like null, since the org stores no empty text; where a field's `empty` says so, it
    is written as `#N/A`, Salesforce's word for "set to null". That word in a source is left as it is.

    Args:
        batches: text columns, among them those that the sync's fields name.
        sync: columns, `values` maps and key.
        folder: where the chunks go; made if missing.
        max_bytes: of one chunk, header included.
        parent: field by which rows are kept together; see `parent_order`.
        select: gives the rows of a mapped batch that are to be sent at all.
        identity: keeps the hashes of the rows beside each chunk, so that its results are joined without
            reading it again.

    Raises:
        SourceError: a column is missing, a field is filled twice, or one row alone is larger than a chunk.
        LakeError: the folder cannot be written. After any error no chunk is left behind.
    """
    _check_fields(sync)
    mapped = (mapped_rows(batch, sync) for batch in batches)
    refusals = RowRefusals(folder, key=sync.key)
    rows = refusals.split(map(select, mapped) if select else mapped)
    try:
        chunks, parents = write_chunks(
            rows,
            columns=sync.field_names,
            key=sync.key,
            folder=folder,
            max_bytes=max_bytes,
            parent=parent,
            identity=identity,
        )
        refused = refusals.finish()
    except BaseException:
        refusals.discard()
        raise
    return Payload(
        columns=sync.field_names,
        key=sync.key,
        rows=sum(chunk.rows for chunk in chunks),
        bytes_raw=sum(chunk.bytes_raw for chunk in chunks),
        chunks=tuple(chunks),
        refused=refused,
        parents=parents,
    )


def write_chunks(
    batches: Iterable[pa.RecordBatch],
    *,
    columns: tuple[str, ...],
    key: str,
    folder: Path,
    max_bytes: int = BULK_JOB_MAX_BYTES_RAW,
    max_rows: int | None = None,
    parent: str | None = None,
    name: str = "chunk",
    identity: RowIdentity | None = None,
) -> tuple[list[PayloadChunk], int | None]:
    """Write rows that are mapped already; gives the chunks, and the distinct parents where they are grouped.

    Args:
        max_rows: of one chunk; any number by default.
        name: first part of the names of the files.
        identity: as for `write_payload`.
    """
    writer = ChunkWriter(
        folder,
        columns=columns,
        key=key,
        max_bytes=max_bytes,
        max_rows=max_rows,
        name=name,
        identity=identity,
    )
    grouping = ParentOrder(
        parent, folder=folder, batch_rows=min(max_rows or BULK_BATCH_ROWS, BULK_BATCH_ROWS)
    )
    ordered = grouping.ordered(batches) if parent else ((batch, False) for batch in batches)
    try:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for batch, shares_parent in ordered:
            with writing(folder):
                writer.write(batch, shares_parent=shares_parent)
        with writing(folder):
            return writer.finish(), grouping.parents if parent else None
    except BaseException:
        writer.discard()
        raise


def _check_fields(sync: LoadSync) -> None:
    for name in sync.field_names:
        if sync.field_names.count(name) > 1:
            raise SourceError(f"{sync.name} fills the field {name} twice: keep one of them.")
    if sync.key not in sync.field_names:
        raise SourceError(f"{sync.name} has the key {sync.key}, which is none of its fields: add it to them.")


def mapped_rows(batch: pa.RecordBatch, sync: LoadSync) -> pa.RecordBatch:
    """Source rows as they are sent: the sync's fields in their order, as text.

    Raises:
        SourceError: a column is missing.
    """
    columns = [_translated(_column(batch, mapping, sync), mapping) for mapping in sync.fields]
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


def _translated(column: pa.Array, mapping: FieldMapping) -> pa.Array:
    if mapping.values:
        positions = pc.index_in(column, pa.array(list(mapping.values), pa.string()))
        column = pc.coalesce(pa.array(list(mapping.values.values()), pa.string()).take(positions), column)
    column = without_empty_text(column)
    return column.fill_null(pa.scalar(SET_NULL)) if mapping.empty is EmptyValue.SET_NULL else column
