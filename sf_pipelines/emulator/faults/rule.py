"""A fault: what goes wrong, where, and when.

Belongs here: the frozen rule and whether it fits a call or a job. Not here: reading it (parse.py), what it
does (answers.py, transport.py, jobs.py, streams.py). Imports kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Any, Literal

from sf_pipelines.emulator.faults.kinds import Target

Moment = Literal["before", "after"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Which of the fitting calls are hit. Nothing set: all of them."""

    nth: int | None = None
    every: int | None = None
    first: int | None = None
    probability: float | None = None

    def hits(self, number: int, random: Random) -> bool:
        """True when the fitting call of that number (from 1) is hit."""
        if self.nth is not None:
            return number == self.nth
        if self.every is not None:
            return number % self.every == 0
        if self.first is not None:
            return number <= self.first
        return self.probability is None or random.random() < self.probability


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Which calls or jobs it fits. None fits any."""

    method: str | None = None
    path: str | None = None
    """With the wildcards of a shell: `*` also takes slashes."""
    sobject: str | None = None
    operation: str | None = None
    change: str | None = None
    """CREATE, GAP_DELETE: the type of a change event."""
    topic: str | None = None

    def fits_call(self, method: str, path: str) -> bool:
        """True for a call of its method and path (both compared without regard to case)."""
        return _fits(self.method, method) and _fits(self.path, path)

    def fits_job(self, sobject: str, operation: str) -> bool:
        """True for a Bulk job of its object and operation."""
        return _fits(self.sobject, sobject) and _fits(self.operation, operation)

    def fits_event(self, sobject: str, change: str) -> bool:
        """True for a change event of its object and type."""
        return _fits(self.sobject, sobject) and _fits(self.change, change)

    def fits_stream(self, topic: str) -> bool:
        """True for a subscriber of its topic."""
        return _fits(self.topic, topic)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One named fault. `options` are those of its kind, with defaults filled in."""

    name: str
    kind: str
    target: Target
    scope: Scope = field(default_factory=Scope)
    schedule: Schedule = field(default_factory=Schedule)
    when: Moment = "before"
    """Before the call has its effect, or after it, in place of its answer."""
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


def _fits(pattern: str | None, text: str) -> bool:
    return pattern is None or fnmatchcase(text.lower(), pattern.lower())
