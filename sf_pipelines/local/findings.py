"""What an examination of `doctor` says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a part is: `warn` does not stop a run, `skipped` could not be examined."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one part; where it is not ok, with the mend."""

    part: str
    state: State
    text: str
