"""Rows kept together by parent, in flat memory: what writes one parent should not run side by side.

The org works on internal batches of 10,000 rows in parallel, and two of them that write children of one
parent wait for its lock ([D] record locking). Batches given here hold whole parents, as far as a parent has
no more rows than a batch; they are full, so that the org cuts where they end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sf_pipelines.lake.chunk_writer import remove_files, writing
from sf_pipelines.lake.row_hashes import Hashes, text_hashes

MEMORY_BYTES = 64 << 20
"""Rows held before they are spread over files; also about the most that one file is meant to hold."""

BUCKETS = 64

Ordered = tuple[pa.RecordBatch, bool]
"""A batch, and whether it begins with the parent that the one before ended with."""


class ParentOrder:
    """Orders rows by one field.

    Attributes:
        parents: distinct parents seen, after `ordered` was read to its end.
    """

    def __init__(
        self, parent: str | None, *, folder: Path, batch_rows: int, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._parent = parent or ""
        self._folder = folder
        self._batch_rows = batch_rows
        self._memory_bytes = memory_bytes
        self.parents = 0

    def ordered(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Ordered]:
        """Full batches, then one with the rest. All rows of a parent pass through memory at once."""
        carry: pa.Table | None = None
        for part in self._parts(iter(batches)):
            self.parents += pc.count_distinct(part.column(self._parent)).as_py()
            table = part if carry is None else pa.concat_tables([carry, part])
            carry = yield from self._packed(table)
        if carry is not None and carry.num_rows:
            yield _one_batch(carry), False

    def _parts(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """All rows at once where memory holds them; else piece by piece, a parent in one piece only."""
        held: list[pa.RecordBatch] = []
        size = 0
        for batch in batches:
            held.append(batch)
            size += batch.nbytes
            if size > self._memory_bytes:
                yield from self._spread(held, batches)
                return
        if held:
            yield pa.Table.from_batches(held)

    def _spread(self, held: list[pa.RecordBatch], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        paths = [self._folder / f"parents-{number:02d}.arrow" for number in range(BUCKETS)]
        try:
            with writing(self._folder):
                self._folder.mkdir(parents=True, exist_ok=True)
            with ExitStack() as stack:
                writers = [
                    stack.enter_context(pa.ipc.new_stream(str(path), held[0].schema)) for path in paths
                ]
                while held:
                    self._write(held.pop(0), writers)
                for batch in batches:
                    self._write(batch, writers)
            for path in paths:
                with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as reader:
                    yield reader.read_all()
        finally:
            remove_files(paths)

    def _write(self, batch: pa.RecordBatch, writers: list[pa.RecordBatchStreamWriter]) -> None:
        buckets = (text_hashes(batch.column(self._parent)) % np.uint64(BUCKETS)).astype(np.int64)
        order = np.argsort(buckets, kind="stable")
        ends = np.cumsum(np.bincount(buckets, minlength=BUCKETS))
        grouped, start = batch.take(cast(Any, order)), 0
        with writing(self._folder):
            for writer, end in zip(writers, ends.tolist(), strict=True):
                if end > start:
                    writer.write_batch(grouped.slice(start, end - start))
                start = end

    def _packed(self, table: pa.Table) -> Iterator[Ordered]:
        """Yields the full batches of a table, and returns its rest, whose parents are whole."""
        column = table.column(self._parent).combine_chunks()
        packed = pack(_groups(column), batch_rows=self._batch_rows)
        ordered = table.combine_chunks().take(cast(Any, packed.order))
        full = table.num_rows // self._batch_rows
        for number in range(full):
            part = ordered.slice(number * self._batch_rows, self._batch_rows)
            yield _one_batch(part), number in packed.shared
        rest = ordered.slice(full * self._batch_rows)
        if full in packed.shared:
            # the parent would be whole no more if others came between
            yield _one_batch(rest), True
            rest = rest.slice(rest.num_rows)
        return rest


class Packing:
    """Rows in their order, and the numbers of the batches that begin in mid-parent."""

    def __init__(self, order: NDArray[np.int64], shared: set[int]) -> None:
        self.order = order
        self.shared = shared


def pack(groups: Hashes, *, batch_rows: int) -> Packing:
    """Order rows so that as few groups as possible are parted by the end of a batch.

    The largest group that still fits goes next; where none fits, the smallest is parted.

    Args:
        groups: for each row, which group it is of.
    """
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rows = np.argsort(place, kind="stable")
    starts = np.cumsum(sizes) - sizes
    waiting: dict[int, list[int]] = {}
    for group, size in enumerate(sizes.tolist()):
        waiting.setdefault(size, []).append(group)
    known = sorted(waiting)
    taken: list[int] = []
    shared: set[int] = set()
    filled = 0
    while known:
        room = batch_rows - filled % batch_rows
        at = bisect_right(known, room) - 1
        size = known[at] if at >= 0 else known[0]
        taken.append(waiting[size].pop())
        if not waiting[size]:
            known.remove(size)
        first_cut = filled // batch_rows + 1
        filled += size
        shared.update(cut for cut in range(first_cut, (filled - 1) // batch_rows + 1))
    pieces = [rows[starts[group] : starts[group] + sizes[group]] for group in taken]
    order = np.concatenate([*pieces, np.empty(0, dtype=np.int64)])
    return Packing(order, shared)


def _groups(parents: pa.Array | pa.ChunkedArray) -> Hashes:
    """Hash of each parent; a row without one is a group of its own, since it locks nothing."""
    hashes = text_hashes(parents)
    is_null = np.asarray(parents.is_null())
    hashes[is_null] = np.arange(np.count_nonzero(is_null), dtype=np.uint64)
    return hashes


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    return table.combine_chunks().to_batches()[0]
