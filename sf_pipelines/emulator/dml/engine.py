"""The five DML calls: one transaction each, all-or-none, and results in request order.

Belongs here: transactions and the shape of the outcome. Not here: checks and statements (the modules beside).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sf_pipelines.emulator.absent import ABSENT
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.dml import errors
from sf_pipelines.emulator.dml.batch import Batch, Records, read_records
from sf_pipelines.emulator.dml.changes import create_rows, update_existing
from sf_pipelines.emulator.dml.delete import delete_rows
from sf_pipelines.emulator.dml.undelete import undelete_rows
from sf_pipelines.emulator.dml.upsert import key_field, upsert_rows
from sf_pipelines.emulator.dml.writer import Stamp
from sf_pipelines.emulator.ids import IdFactory
from sf_pipelines.emulator.locking.transactions import Transactions
from sf_pipelines.emulator.results import DuplicateHeader, RowResults
from sf_pipelines.emulator.schema.model import ObjectSchema
from sf_pipelines.emulator.store import Store, Transaction
from sf_pipelines.emulator.temporal import to_epoch_ms


class Dml:
    """Writes records into the store by Salesforce's rules."""

    def __init__(
        self, store: Store, clock: Clock, ids: IdFactory, transactions: Transactions | None = None
    ) -> None:
        """Write to `store`, with times of `clock` and new ids of `ids`."""
        self._store = store
        self._transactions = transactions or Transactions(store, clock)
        self._clock = clock
        self._ids = ids

    def create(
        self,
        item: ObjectSchema,
        records: Records,
        user_id: str,
        *,
        all_or_none: bool,
        duplicates: DuplicateHeader | None = None,
    ) -> RowResults:
        """Insert `records`."""

        def work() -> Batch:
            batch = read_records(item, records, creating=True)
            for row in range(batch.size):
                if batch.ids[row]:
                    batch.fail(row, errors.id_in_insert())
            # refused or empty, whatever was given: it names no row, and rules look rows up by it
            batch.ids = [ABSENT] * batch.size
            create_rows(batch, self._store, self._ids, self._stamp(user_id, duplicates))
            return batch

        return self._run(work, all_or_none=all_or_none)

    def update(
        self,
        item: ObjectSchema,
        records: Records,
        user_id: str,
        *,
        all_or_none: bool,
        duplicates: DuplicateHeader | None = None,
    ) -> RowResults:
        """Update `records` by their `Id`."""

        def work() -> Batch:
            batch = read_records(item, records, creating=False)
            update_existing(batch, self._store, self._stamp(user_id, duplicates))
            return batch

        return self._run(work, all_or_none=all_or_none)

    def upsert(
        self,
        item: ObjectSchema,
        key: str,
        records: Records,
        user_id: str,
        *,
        all_or_none: bool,
        update_only: bool,
        duplicates: DuplicateHeader | None = None,
    ) -> RowResults:
        """Create or update `records` by the key field."""
        field = key_field(item, key)

        def work() -> Batch:
            return upsert_rows(
                item,
                field,
                records,
                store=self._store,
                ids=self._ids,
                stamp=self._stamp(user_id, duplicates),
                update_only=update_only,
            )

        return self._run(work, all_or_none=all_or_none)

    def delete(
        self, item: ObjectSchema, ids: Sequence[str], user_id: str, *, all_or_none: bool, hard: bool
    ) -> RowResults:
        """Delete the rows of `ids`."""

        def work() -> Batch:
            return delete_rows(item, ids, self._store, self._stamp(user_id), hard=hard)

        return self._run(work, all_or_none=all_or_none)

    def undelete(
        self, item: ObjectSchema, ids: Sequence[str], user_id: str, *, all_or_none: bool
    ) -> RowResults:
        """Bring the rows of `ids` back from the recycle bin."""

        def work() -> Batch:
            return undelete_rows(item, ids, self._store, self._stamp(user_id))

        return self._run(work, all_or_none=all_or_none)

    def _stamp(self, user_id: str, duplicates: DuplicateHeader | None = None) -> Stamp:
        now = to_epoch_ms(self._clock.now())
        return Stamp(user_id=user_id, epoch_ms=now, duplicates=duplicates or DuplicateHeader())

    def _run(self, work: Callable[[], Batch], *, all_or_none: bool) -> RowResults:
        def write(transaction: Transaction) -> RowResults:
            batch = work()
            self._store.put_id_counters(self._ids.counters())
            if not (all_or_none and any(batch.errors)):
                return batch.results()
            transaction.rollback()
            return _rolled_back(batch)

        return self._transactions.run(write)


def _rolled_back(batch: Batch) -> RowResults:
    return RowResults(
        ids=[None] * batch.size,
        created=[False] * batch.size,
        errors=[error or errors.rolled_back() for error in batch.errors],
    )
