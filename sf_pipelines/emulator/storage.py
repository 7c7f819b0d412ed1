"""The data storage that the org's rows take.

Belongs here: how many more rows fit, found cheaply. Not here: counting rows (store.py), `/limits`
(limits.py). Imports nothing of the emulator.
"""

from __future__ import annotations

from collections.abc import Callable

# [D] Help "Data and file storage allocations": most records count as 2 KB, deleted ones don't count.
ROW_KILOBYTES = 2
_KILOBYTES_PER_UNIT = 1024


class StorageMeter:
    """Knows at each insert that the rows fit, and counts them only when an upper bound doesn't tell."""

    def __init__(self, count_rows: Callable[[], int]) -> None:
        """`count_rows` counts the live rows; nothing is refused until `allow` sets a maximum."""
        self._count_rows = count_rows
        self._most_rows: int | None = None
        self._maximum_mb: Callable[[], int] | None = None

    def allow(self, maximum_mb: Callable[[], int]) -> None:
        """Refuse rows beyond this many megabytes."""
        self._maximum_mb = maximum_mb

    def used_mb(self) -> int:
        """Megabytes of all live rows, rounded up."""
        return -(-self._count_rows() * ROW_KILOBYTES // _KILOBYTES_PER_UNIT)

    def rows_that_fit(self, wanted: int) -> int:
        """How many of `wanted` new rows still have room. Ask it inside the transaction that inserts them."""
        if self._maximum_mb is None:
            return wanted
        capacity = self._maximum_mb() * _KILOBYTES_PER_UNIT // ROW_KILOBYTES
        if self._most_rows is None or self._most_rows + wanted > capacity:
            self._most_rows = self._count_rows()
        fitting = max(0, min(wanted, capacity - self._most_rows))
        # Deletes and roll-backs only make the true number smaller than this one.
        self._most_rows += fitting
        return fitting

    def forget(self) -> None:
        """Count anew at the next insert, after rows came from elsewhere or back from the recycle bin."""
        self._most_rows = None
