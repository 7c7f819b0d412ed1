"""Where a process is struck: at which call, or at which commit, and on which side of its effect."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Before the effect: it never happens. After it: it has happened, and the process never learns of it."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, kw_only=True, slots=True)
class Strike:
    """The n-th call or commit, counted from 1."""

    number: int
    side: Side
