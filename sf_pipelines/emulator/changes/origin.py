"""Who writes, as change events tell it: the API, its version, the client's own name, the user.

Belongs here: the origin that holds in the current context (a request's thread, a batch's worker). Not here:
reading headers (http/call_options.py), storing it (capture.py). Imports nothing of the emulator.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteOrigin:
    """Where the writes of one call or batch come from."""

    api: str
    """`rest`, `bulkapi`: what stands in the path of the origin."""
    version: str
    """Of the API, as "66.0"."""
    user_id: str
    client: str | None = None
    """The client that `Sforce-Call-Options` names."""
    rows_per_transaction: int | None = None
    """The org commits after so many rows, although they were written here at once; None: all at once."""

    def __str__(self) -> str:
        """`com/salesforce/api/<api>/<version>;client=<client>` ([D] section 7.2)."""
        path = f"com/salesforce/api/{self.api}/{self.version}"
        return path if self.client is None else f"{path};client={self.client}"


_current: ContextVar[WriteOrigin | None] = ContextVar("write_origin", default=None)


def current_origin() -> WriteOrigin | None:
    """What holds in this context; None for a write by no API, as a person at a screen makes it."""
    return _current.get()


@contextmanager
def writing_as(origin: WriteOrigin) -> Generator[None, None, None]:
    """Let the writes inside the block come from `origin`."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)
