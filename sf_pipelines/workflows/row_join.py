"""Rows of a result file joined to the rows of the chunk that was sent, by key and never by position.

What a rejection means, and where result files come from, is in `ingest_results`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sf_pipelines.lake.chunk import PayloadChunk
from sf_pipelines.lake.row_hashes import RowIdentity
from sf_pipelines.model.outcome import RecordError
from sf_pipelines.workflows.rows import payload_hash, row_values


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """One row of a result file: why it was refused, and the hash of the row as the org gave it back."""

    error: RecordError
    echo_hash: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedRow:
    """One row as it was sent, and why it was refused."""

    values: Mapping[str, str | None]
    payload_hash: str
    error: RecordError


def join_rows(
    chunk: PayloadChunk, identity: RowIdentity, rejections: Mapping[int, list[Rejection]]
) -> Iterator[RejectedRow]:
    """The sent row of each rejection.

    Several rows of a chunk may have one key. The row that equals what the org gave back is taken first,
    and another row of that key only where none equals it.

    Args:
        rejections: by the hash of their key; emptied on the way.
    """
    taken: set[int] = set()
    yield from _pass(chunk, identity, rejections, taken, must_equal=True)
    if any(rejections.values()):
        yield from _pass(chunk, identity, rejections, taken, must_equal=False)


def _pass(
    chunk: PayloadChunk,
    identity: RowIdentity,
    rejections: Mapping[int, list[Rejection]],
    taken: set[int],
    *,
    must_equal: bool,
) -> Iterator[RejectedRow]:
    wanted = np.array([key for key, waiting in rejections.items() if waiting], dtype=np.uint64)
    first = 0
    for batch in chunk.batches():
        hashes = identity.hashes(batch)
        for index in np.flatnonzero(np.isin(hashes, wanted)).tolist():
            waiting = rejections[int(hashes[index])]
            if not waiting or first + index in taken:
                continue
            values = row_values(batch, index)
            hash_ = payload_hash(values)
            at = _position(waiting, hash_) if must_equal else 0
            if at is not None:
                taken.add(first + index)
                yield RejectedRow(values=values, payload_hash=hash_, error=waiting.pop(at).error)
        first += batch.num_rows


def _position(waiting: list[Rejection], payload_hash_: str) -> int | None:
    return next((at for at, item in enumerate(waiting) if item.echo_hash == payload_hash_), None)
