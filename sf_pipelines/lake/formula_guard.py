"""Cells of our CSV exports that a spreadsheet would run as a formula: marked, and read back without the mark.

A record may hold `=HYPERLINK(...)`, typed into a web form by a stranger. What begins with =, +, -, @, a tab
or a carriage return gets an apostrophe, numbers excepted; so does what already looks guarded, so that reading
back gives every text as it was.
"""

from __future__ import annotations

import re

import pyarrow as pa

MARK = "'"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def guarded(text: str) -> str:
    """The text as a cell that no spreadsheet runs."""
    if not _looks_like_formula(text.lstrip(MARK)):
        return text
    is_harmless = not text.startswith(MARK) and _NUMBER.fullmatch(text) is not None
    return text if is_harmless else MARK + text


def unguarded(cell: str) -> str:
    """The text of a cell."""
    is_marked = cell.startswith(MARK) and _looks_like_formula(cell.lstrip(MARK))
    return cell[1:] if is_marked else cell


def without_guards(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Text columns as they were before they were exported."""
    columns = [
        pa.array([None if text is None else unguarded(text) for text in column.to_pylist()], pa.string())
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _looks_like_formula(text: str) -> bool:
    return text.startswith(_FORMULA_STARTS)
