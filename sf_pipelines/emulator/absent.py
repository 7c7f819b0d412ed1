"""The mark of a field that a record doesn't mention, in a batch whose other records do.

Belongs here: the one sentinel. Imports nothing of the emulator.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Absent(Enum):
    """A one-member enum, so that type checkers can tell it from every value."""

    ABSENT = "ABSENT"

    def __bool__(self) -> bool:
        """Absent is falsy, as null is."""
        return False


ABSENT: Final = Absent.ABSENT
