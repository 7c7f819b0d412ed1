"""Named copies of the org's rows, in memory.

Belongs here: taking, restoring and reading them. Not here: comparing (diff.py). Jobs, sessions and use of
limits are no part of a snapshot. Imports dump, errors, org.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from threading import Lock

from sf_pipelines.emulator.dump import DumpedRow, dump_database
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org


class SnapshotShelf:
    """The snapshots of one org. Thread-safe."""

    def __init__(self, org: Org) -> None:
        """Begin without any."""
        self._org = org
        self._lock = Lock()
        self._copies: dict[str, sqlite3.Connection] = {}

    def take(self, name: str) -> None:
        """Keep the org as it is, in place of an older snapshot of that name."""
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        self._org.copy_into(copy)
        with self._lock:
            old = self._copies.pop(name, None)
            self._copies[name] = copy
        if old is not None:
            old.close()

    def restore(self, name: str) -> None:
        """Let the org's rows be as they were.

        Raises:
            SalesforceError: 404, there is no such snapshot.
        """
        with self._lock:
            self._org.replace_by(self._find(name))

    def rows(self, name: str) -> Iterator[DumpedRow]:
        """The rows as they were, in the order of a dump.

        Raises:
            SalesforceError: 404, there is no such snapshot.
        """
        return dump_database(self._org.schema, self._find(name))

    def names(self) -> list[str]:
        """All of them, sorted."""
        return sorted(self._copies)

    def drop(self, name: str) -> None:
        """Forget one.

        Raises:
            SalesforceError: 404, there is no such snapshot.
        """
        with self._lock:
            self._find(name)
            self._copies.pop(name).close()

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            for copy in self._copies.values():
                copy.close()
            self._copies.clear()

    def _find(self, name: str) -> sqlite3.Connection:
        copy = self._copies.get(name)
        if copy is None:
            raise SalesforceError("NOT_FOUND", f"There is no snapshot {name}", status=404)
        return copy
