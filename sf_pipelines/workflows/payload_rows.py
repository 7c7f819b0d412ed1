"""Rows looked up in the payload on disk by their hashes, where the ledger does not hold their values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pyarrow as pa

from sf_pipelines.lake.chunk import PayloadChunk
from sf_pipelines.workflows.rows import payload_hash, row_values


def rows_of_payload(chunks: Iterable[PayloadChunk], hashes: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """Rows of the chunks with these payload hashes, each as often as its hash is given; streamed.

    Holds the hashes in memory, not the rows.
    """
    wanted = Counter(hashes)
    for chunk in chunks:
        for batch in chunk.batches():
            places = list(_places(batch, wanted))
            if places:
                yield batch.take(pa.array(places, pa.int64()))


def _places(batch: pa.RecordBatch, wanted: Counter[str]) -> Iterator[int]:
    for at in range(batch.num_rows):
        hash_ = payload_hash(row_values(batch, at))
        if wanted[hash_] > 0:
            wanted[hash_] -= 1
            yield at
