"""Rows that a test wants refused: the next rows of a call or of a Bulk job fail with a given error.

Belongs here: the refusals that hold in the current context (a request's thread, a job's run). Not here: when
they hold (faults/). Imports errors.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random

from sf_pipelines.emulator.errors import SalesforceError

_current: ContextVar[RowRefusals | None] = ContextVar("row_refusals", default=None)


class InjectedError(SalesforceError):
    """The error of a row that a test wants refused, however often the org itself tries it again."""


@dataclass(kw_only=True)
class RowRefusals:
    """The error of the next `rows` rows, or of a seeded `share` of all."""

    code: str
    message: str | None
    rows: int | None = None
    share: float = 1.0
    random: Random = field(default_factory=Random)
    used: int = 0

    def draw(self) -> bool:
        """True when the next row is to be refused."""
        if self.rows is not None and self.used >= self.rows:
            return False
        if self.share < 1.0 and self.random.random() >= self.share:
            return False
        self.used += 1
        return True

    def error(self, ids: list[str]) -> SalesforceError:
        """The error of a row that locks `ids`."""
        message = self.message
        if message is None:
            message = lock_error(ids).message if self.code == LOCK_CODE else self.code
        return InjectedError(self.code, message, fields=())


LOCK_CODE = "UNABLE_TO_LOCK_ROW"


def lock_error(ids: list[str]) -> SalesforceError:
    """A row, or a parent of it, that another transaction holds ([R] text, section 5.2)."""
    message = "unable to obtain exclusive access to this record"
    if ids:
        message += f" or {len(ids)} records: {','.join(ids)}"
    return SalesforceError(LOCK_CODE, message, fields=())


def current_refusals() -> RowRefusals | None:
    """What holds in this context."""
    return _current.get()


@contextmanager
def refusing(refusals: RowRefusals | None) -> Generator[None, None, None]:
    """Let `refusals` hold for the DML inside the block."""
    token = _current.set(refusals)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def rehearsable_refusals() -> Generator[Callable[[], None], None, None]:
    """The value takes back what the block has drawn, for a transaction that is undone and run again."""
    refusals = _current.get()
    used = refusals.used if refusals else 0
    state = refusals.random.getstate() if refusals and refusals.share < 1.0 else None

    def undo() -> None:
        if refusals is not None:
            refusals.used = used
            if state is not None:
                refusals.random.setstate(state)

    yield undo
