"""Counting rows while they pass: how many, on which days they changed, and their checksum."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from sf_pipelines.lake.checksum import added, checksum

KEY, CHANGED_AT = "Id", "SystemModstamp"
_DAY_MILLISECONDS = 86_400_000


class Tally:
    """Of the batches that were added.

    Attributes:
        rows: so far; checksum: see `checksum`.
        rows_by_day: UTC day of SystemModstamp, as `2026-01-31`, to rows.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.checksum = 0
        self.rows_by_day: Counter[str] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        """Count a batch that has Id and SystemModstamp; every row of an extract has both."""
        if not batch.num_rows:
            return
        changed_at = batch.column(CHANGED_AT)
        self.rows += batch.num_rows
        self.checksum = added(self.checksum, checksum(batch.column(KEY), changed_at))
        milliseconds = changed_at.cast(pa.int64()).to_numpy(zero_copy_only=False)
        days, counts = np.unique(milliseconds // _DAY_MILLISECONDS, return_counts=True)
        for day, count in zip(days.tolist(), counts.tolist(), strict=True):
            self.rows_by_day[_day_text(day)] += count


def _day_text(day: int) -> str:
    return f"{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}"
