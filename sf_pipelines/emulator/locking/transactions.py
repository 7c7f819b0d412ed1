"""Transactions that last: they hold row locks for a modelled time, in which the store serves others.

SQLite has one writer, so a slow transaction can't stay open in the store. It is rehearsed instead: its work
runs once to learn which rows it needs and how long it takes, and is undone; then the locks are taken, the
time passes, and the work runs for good. Where nothing is slow and nothing is locked, the first run stands.

Belongs here: rehearsal, waiting, the end of it at a reset. Not here: which rows a write needs
(dml/row_locks.py). Imports clock, errors, store, the lock table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.dml.refusals import rehearsable_refusals
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.locking.table import LockTable
from sf_pipelines.emulator.store import Store, Transaction

_Result = TypeVar("_Result")

Duration = Callable[[Mapping[str, int]], float]
"""Seconds that a transaction lasts which writes so many rows of each object."""


class RowLocks:
    """What one transaction needs, has and was denied. Hung on the store's running transaction."""

    def __init__(self, table: LockTable) -> None:
        """Note what a rehearsal needs, until `take`."""
        self._table = table
        self._denied: frozenset[str] = frozenset()
        self._is_taken = False
        self.needed: set[str] = set()
        self.rows: Counter[str] = Counter()

    def take(self, is_over: Callable[[], bool]) -> None:
        """Take what was needed, as far as it can be had in time."""
        self._denied = self._table.take(self, self.needed, is_over)
        self._is_taken = True

    def need(self, sobject: str, ids_of_rows: Sequence[Sequence[str]]) -> list[list[str]]:
        """Note the rows of one write, each with the ids it locks; for each the ids that it can't have."""
        ids = {id_ for row in ids_of_rows for id_ in row}
        self.needed |= ids
        self.rows[sobject] += len(ids_of_rows)
        if self._is_taken:
            # What the rehearsal didn't see is taken without waiting: waiting out of order could deadlock.
            self._denied |= self._table.try_take(self, ids - self._denied)
        return [[id_ for id_ in row if id_ in self._denied] for row in ids_of_rows]


class Transactions:
    """Runs the org's writes. Thread-safe."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Write to `store`; set `duration` to let transactions last."""
        self._store = store
        self._clock = clock
        self._epoch = 0
        self.table = LockTable(clock)
        self.duration: Duration | None = None
        """How long a transaction lasts; None is no time at all."""

    @property
    def is_plain(self) -> bool:
        """True while no transaction lasts and no row is locked: nothing then needs to be noted."""
        return self.duration is None and self.table.is_idle

    def run(self, work: Callable[[Transaction], _Result]) -> _Result:
        """Run `work` in one transaction; inside another one of the same thread it is a part of that.

        `work` may run twice, the first time undone: all it does must be in the store, or not matter.

        Raises:
            SalesforceError: 503, the org was reset meanwhile.
        """
        epoch = self._epoch
        with self._store.transaction() as transaction, rehearsable_refusals() as undo_refusals:
            if transaction.is_nested or self.is_plain:
                return work(transaction)
            locks = transaction.locks = RowLocks(self.table)
            result = work(transaction)
            seconds = self.duration(locks.rows) if self.duration else 0.0
            if seconds <= 0 and self.table.is_free(locks.needed):
                return result
            transaction.rollback()
            undo_refusals()
        return self._run_slowly(work, locks, seconds, is_over=lambda: self._epoch != epoch)

    def interrupt(self) -> None:
        """End every wait: the transactions under way fail, their locks are given back."""
        with self._clock.changed:
            self._epoch += 1
        self._clock.wake()

    def _run_slowly(
        self,
        work: Callable[[Transaction], _Result],
        locks: RowLocks,
        seconds: float,
        is_over: Callable[[], bool],
    ) -> _Result:
        try:
            locks.take(is_over)
            if self._clock.wait_for(is_over, self._clock.after(seconds)):
                raise SalesforceError("SERVER_UNAVAILABLE", "The org was reset during the call", status=503)
            with self._store.transaction() as transaction:
                transaction.locks = locks
                return work(transaction)
        finally:
            self.table.release(locks)
