from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sf_pipelines.lake.parent_order import Ordered, ParentOrder, pack


def rows(parents: list[str | None]) -> pa.RecordBatch:
    columns = [pa.array(parents, pa.string()), pa.array([str(n) for n in range(len(parents))])]
    return pa.RecordBatch.from_arrays(columns, names=["AccountId", "Name"])


def ordered(
    folder: Path, batches: list[pa.RecordBatch], *, batch_rows: int, memory_bytes: int = 1 << 20
) -> tuple[list[Ordered], int]:
    order = ParentOrder("AccountId", folder=folder, batch_rows=batch_rows, memory_bytes=memory_bytes)
    return list(order.ordered(batches)), order.parents


@given(st.lists(st.integers(0, 30), min_size=1, max_size=300), st.integers(1, 40))
def test_every_row_is_packed_once_and_a_parent_is_parted_only_where_batches_share_it(
    parents: list[int], batch_rows: int
) -> None:
    groups = np.array(parents, dtype=np.uint64)

    packed = pack(groups, batch_rows=batch_rows)

    assert sorted(packed.order.tolist()) == list(range(len(parents)))
    in_order = groups[packed.order].tolist()
    parted = {
        number
        for number in range(1, -(-len(parents) // batch_rows))
        if in_order[number * batch_rows - 1] == in_order[number * batch_rows]
    }
    assert parted == packed.shared
    of_batches = [set(in_order[start : start + batch_rows]) for start in range(0, len(parents), batch_rows)]
    met = Counter(group for batch in of_batches for group in batch)
    assert sum(count - 1 for count in met.values()) == len(parted)


def test_batches_are_full_and_hold_whole_parents_where_small_ones_fill_the_gaps(tmp_path: Path) -> None:
    parents = [f"p{number}" for number in range(30) for _ in range(3)] + [None] * 30

    batches, distinct = ordered(tmp_path, [rows(list(parents))], batch_rows=10)

    assert [batch.num_rows for batch, _ in batches] == [10] * 12
    assert not any(shares for _, shares in batches)
    assert distinct == 30
    found = Counter(
        parent for batch, _ in batches for parent in set(batch.column(0).to_pylist()) if parent is not None
    )
    assert set(found.values()) == {1}


def test_a_parent_with_more_rows_than_a_batch_marks_the_batches_that_share_it(tmp_path: Path) -> None:
    batches, _ = ordered(tmp_path, [rows(["big"] * 25 + ["a"] * 2)], batch_rows=10)

    assert [shares for _, shares in batches] == [False, True, True]


@pytest.mark.parametrize("memory_bytes", [1, 1 << 20], ids=["over files", "in memory"])
def test_rows_come_out_the_same_whether_they_fit_into_memory_or_not(
    tmp_path: Path, memory_bytes: int
) -> None:
    parents = [f"p{number % 97}" if number % 5 else None for number in range(2_000)]
    source = [rows(list(parents[start : start + 250])) for start in range(0, 2_000, 250)]

    batches, distinct = ordered(tmp_path, source, batch_rows=100, memory_bytes=memory_bytes)

    assert Counter(p for batch, _ in batches for p in batch.column(0).to_pylist()) == Counter(parents)
    assert distinct == len({parent for parent in parents if parent})
    met = Counter(p for batch, _ in batches for p in set(batch.column(0).to_pylist()) if p is not None)
    assert sum(met.values()) - distinct <= sum(shares for _, shares in batches)
    assert list(tmp_path.glob("*.arrow")) == []
