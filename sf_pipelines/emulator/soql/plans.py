"""What the compiler hands to the runner: SQL, parameters, and the shape of the rows.

Belongs here: frozen values. Not here: making (compiler.py) and running (runner.py) them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.results import RowShape


@dataclass(frozen=True, kw_only=True, slots=True)
class CountPlan:
    """SELECT COUNT(): one number."""

    shape: RowShape
    sql: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupsPlan:
    """Aggregates: the rows themselves, few enough for one page."""

    shape: RowShape
    sql: str
    parameters: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowsPlan:
    """Records: row ids first, then rows by their ids."""

    shape: RowShape
    ids_sql: str
    """Row ids in the query's order, its LIMIT and OFFSET applied. Of a subquery: pairs of parent id and row
    id, parent by parent; it wants one more parameter before all others, a JSON array of parent ids."""
    parameters: tuple[Any, ...]
    rows_sql: str
    """Row id, the columns, hidden ids; the caller appends a WHERE on `t0."row"`."""
    children: tuple[RowsPlan, ...] = ()
    """The subqueries, as in the shape."""


Plan = CountPlan | GroupsPlan | RowsPlan
