"""The rows of an upload's batch, kept as whole columns where they can be.

Belongs here: the one sequence of rows that is made of columns. Not here: reading CSV (csv_source.py). Imports
nothing of the emulator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload


class ColumnRows(Sequence[Sequence[str]]):
    """Rows of the same width that are columns: no list is made for each row unless one is asked for.

    Ten thousand lists a batch would cost more in garbage collection than in reading them.
    """

    def __init__(self, columns: Sequence[Sequence[str]]) -> None:
        """Keep `columns`, at least one, all of one length."""
        self.columns = columns

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.columns[0])

    @overload
    def __getitem__(self, index: int) -> Sequence[str]: ...
    @overload
    def __getitem__(self, index: slice) -> ColumnRows: ...
    def __getitem__(self, index: int | slice) -> Sequence[str] | ColumnRows:
        """One row, or a run of rows as columns."""
        if isinstance(index, int):
            return [column[index] for column in self.columns]
        if index.indices(len(self)) == (0, len(self), 1):
            return self
        return ColumnRows([column[index] for column in self.columns])


def columns_of(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """The columns of rows that are all of one width; none when there are no rows."""
    return rows.columns if isinstance(rows, ColumnRows) else list(zip(*rows, strict=True))
