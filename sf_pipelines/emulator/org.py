"""The org: the one facade that the HTTP surface uses.

Belongs here: the seeded integration user, and dispatch to store, dml and soql. Not here: HTTP, quotas,
sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from sqlite3 import Connection
from typing import Any, TypeVar

from sf_pipelines.emulator.changes.bus import ChangeBus
from sf_pipelines.emulator.changes.settings import ChangeSettings
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.dml.cells import cell_parser
from sf_pipelines.emulator.dml.engine import Dml
from sf_pipelines.emulator.dml.upsert import key_field
from sf_pipelines.emulator.dump import DumpedRow, dump_rows
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.identity import INTEGRATION_USERNAME, seed_identity
from sf_pipelines.emulator.ids import IdFactory, to_18
from sf_pipelines.emulator.locking.transactions import Transactions
from sf_pipelines.emulator.results import Column, DuplicateHeader, QueryResult, RowResults
from sf_pipelines.emulator.row_version import RowVersion, read_version
from sf_pipelines.emulator.schema.loader import extended
from sf_pipelines.emulator.schema.model import ObjectSchema, OrgSchema
from sf_pipelines.emulator.soql.rows import read_row
from sf_pipelines.emulator.soql.runner import run_query
from sf_pipelines.emulator.storage import StorageMeter
from sf_pipelines.emulator.store import Store, Transaction, fold

__all__ = ["INTEGRATION_USERNAME", "Column", "DuplicateHeader", "Org", "QueryResult", "RowResults"]
Records = Sequence[Mapping[str, Any]]
Result = TypeVar("Result")


class Org:
    """A Salesforce org in one SQLite database. Every method may be called from any thread.

    `sobject` names are case-insensitive; an unknown one raises 404 NOT_FOUND. Errors of single records are in
    the results; errors of the whole call are raised as SalesforceError.
    """

    def __init__(
        self,
        *,
        schema: OrgSchema,
        clock: Clock,
        path: str = ":memory:",
        change_entities: Iterable[str] = (),
        change_settings: ChangeSettings | None = None,
    ) -> None:
        """Open the org stored at `path`, or make a new one with one integration user.

        Args:
            schema: its objects.
            clock: its time.
            path: of a SQLite file.
            change_entities: objects whose changes make events, in the standard channel.
            change_settings: figures of change events; the documented ones when None.
        """
        self.schema = self._initial_schema = schema
        self.schema_changed_at = clock.now()
        """When the org's objects and fields changed last."""
        self.clock = clock
        self._store = Store(path, schema)
        self.ids = IdFactory(self._store.id_counters())
        self.transactions = Transactions(self._store, clock)
        self._dml = Dml(self._store, clock, self.ids, self.transactions)
        self.org_id, self.user_id = self._identity()
        self.changes = ChangeBus(
            self._store,
            clock,
            self.ids,
            lambda: self.user_id,
            selected=change_entities,
            settings=change_settings,
        )

    def create(
        self,
        sobject: str,
        records: Records,
        *,
        all_or_none: bool = False,
        user_id: str | None = None,
        duplicates: DuplicateHeader | None = None,
    ) -> RowResults:
        """Insert `records` (REST JSON shaped; a value may be ABSENT), one result for each in order."""
        return self._dml.create(
            self.schema.object(sobject),
            records,
            user_id or self.user_id,
            all_or_none=all_or_none,
            duplicates=duplicates,
        )

    def update(
        self,
        sobject: str,
        records: Records,
        *,
        all_or_none: bool = False,
        user_id: str | None = None,
        duplicates: DuplicateHeader | None = None,
    ) -> RowResults:
        """Update `records`, each with an `Id` (any case of the key)."""
        return self._dml.update(
            self.schema.object(sobject),
            records,
            user_id or self.user_id,
            all_or_none=all_or_none,
            duplicates=duplicates,
        )

    def upsert(
        self,
        sobject: str,
        external_id_field: str,
        records: Records,
        *,
        all_or_none: bool = False,
        update_only: bool = False,
        user_id: str | None = None,
        duplicates: DuplicateHeader | None = None,
    ) -> RowResults:
        """Create or update `records` by `external_id_field` (or Id).

        Raises:
            SalesforceError: 404 NOT_FOUND when the object or the key field is unknown.
        """
        return self._dml.upsert(
            self.schema.object(sobject),
            external_id_field,
            records,
            user_id or self.user_id,
            all_or_none=all_or_none,
            update_only=update_only,
            duplicates=duplicates,
        )

    def delete(
        self,
        sobject: str,
        ids: Sequence[str],
        *,
        all_or_none: bool = False,
        hard: bool = False,
        user_id: str | None = None,
    ) -> RowResults:
        """Delete the rows of `ids` to the recycle bin, or for good when `hard`."""
        item = self.schema.object(sobject)
        return self._dml.delete(item, ids, user_id or self.user_id, all_or_none=all_or_none, hard=hard)

    def undelete(
        self, sobject: str, ids: Sequence[str], *, all_or_none: bool = False, user_id: str | None = None
    ) -> RowResults:
        """Bring the rows of `ids` back from the recycle bin, with what their delete took along."""
        item = self.schema.object(sobject)
        return self._dml.undelete(item, ids, user_id or self.user_id, all_or_none=all_or_none)

    def retrieve(
        self,
        sobject: str,
        id_: str,
        fields: Sequence[str] | None = None,
        *,
        data_url: str = "/services/data/v66.0",
    ) -> dict[str, Any]:
        """One record with REST values and `attributes` (type, and url below `data_url`).

        `fields` may hold parent paths ("Owner.Name"); None means all fields of the object.

        Raises:
            SalesforceError: 404 NOT_FOUND, 404 ENTITY_IS_DELETED, 400 INVALID_FIELD.
        """
        item = self.schema.object(sobject)
        names = [field.name for field in item.fields] if fields is None else fields
        return read_row(self._store, item, self._row_id(item, id_), names, data_url)

    def version(self, sobject: str, id_: str) -> RowVersion:
        """What conditional requests compare of one live row.

        Raises:
            SalesforceError: 404 NOT_FOUND, 404 ENTITY_IS_DELETED.
        """
        item = self.schema.object(sobject)
        return read_version(self._store, item, self._row_id(item, id_))

    def find_by_external_id(self, sobject: str, field: str, value: str) -> list[str]:
        """Ids of the live rows whose key field equals `value` (URL text), in order of creation.

        Raises:
            SalesforceError: 404 NOT_FOUND when the object or the key field is unknown.
        """
        item = self.schema.object(sobject)
        key = key_field(item, field)
        try:
            stored = cell_parser(key)(value)
        except SalesforceError:
            return []
        if stored is None:
            return []
        folded = fold(key, stored)
        with self._store.lock:
            return self._store.find_by_key(item, key, [folded]).get(folded, [])

    def transact(self, work: Callable[[Transaction], Result]) -> Result:
        """Run `work`, whose calls of this thread then happen together, and hold their row locks to its end.

        `work` is given the transaction: its `rollback()` undoes them all, and so does an exception. It may
        run twice, the first time undone (locking/transactions.py).

        Raises:
            SalesforceError: 503, the org was reset meanwhile.
        """
        return self.transactions.run(work)

    def transaction(self) -> AbstractContextManager[Transaction]:
        """All calls of this thread inside the `with` block happen together; others wait.

        It doesn't last and doesn't wait for locks: what must, is given to `transact`.
        """
        return self._store.transaction()

    def query(self, soql: str, *, include_deleted: bool = False, bulk: bool = False) -> QueryResult:
        """Run `soql`; with `bulk` what the Bulk API refuses is refused.

        Raises:
            SalesforceError: MALFORMED_QUERY, INVALID_FIELD, INVALID_TYPE and the like.
        """
        return run_query(
            self._store,
            soql,
            self.clock.now(),
            user_id=self.user_id,
            include_deleted=include_deleted,
            bulk=bulk,
        )

    def extend_schema(self, additions: Mapping[str, Any]) -> None:
        """Add objects, fields and rules while the org runs, in the form of a schema file.

        Raises:
            SchemaError: the additions are wrong; nothing has changed.
        """
        with self._store.lock:
            self._adopt(extended(self.schema, additions, "The addition"))

    @property
    def storage(self) -> StorageMeter:
        """The data storage that the rows take."""
        return self._store.storage

    def dump(self, sobjects: Sequence[str] | None = None) -> Iterator[DumpedRow]:
        """Every row of the objects (None: all), deleted ones too; objects by name, rows by Id."""
        return dump_rows(self._store, sobjects)

    def copy_into(self, target: Connection) -> None:
        """Copy all rows and counters into another database."""
        with self._store.lock:
            self._store.put_id_counters(self.ids.counters())
            self._store.copy_into(target)

    def replace_by(self, source: Connection) -> None:
        """Let the org be as it was when `source` was filled by `copy_into`."""
        with self.changes.capture.paused():
            self._store.replace_by(source)
            # fields that were added since have their columns again, empty
            self._store.adopt(self.schema)
            self.ids.reset(self._store.id_counters())
            self.changes.capture.reset_stream()

    def reset(self) -> None:
        """Empty the org and make its integration user again; ids start anew, waiting transactions fail."""
        self.transactions.interrupt()
        with self.changes.capture.paused():
            self._store.clear()
            self._forget_extensions()
            self.ids.reset()
            self.org_id, self.user_id = self._identity()
            self.changes.reset()

    def close(self) -> None:
        """Store the id counters and close the database."""
        with self._store.lock:
            self._store.put_id_counters(self.ids.counters())
            self._store.close()

    def _adopt(self, schema: OrgSchema) -> None:
        self._store.adopt(schema)
        self.schema = schema
        self.schema_changed_at = self.clock.now()
        self.changes.capture.restart()

    def _forget_extensions(self) -> None:
        """Have the schema of the start, in tables that never had another one."""
        if self.schema is not self._initial_schema:
            for name, item in self.schema.objects.items():
                if self._initial_schema.objects.get(name) is not item:
                    self._store.drop_tables(name)
            self._adopt(self._initial_schema)

    def _identity(self) -> tuple[str, str]:
        """The ids of org and user: as stored, or made new."""
        facts = self._store.meta()
        if "org_id" not in facts:
            facts = seed_identity(self._store, self._dml, self.ids)
        return facts["org_id"], facts["user_id"]

    def _row_id(self, item: ObjectSchema, id_: str) -> str:
        try:
            found = to_18(id_)
        except ValueError:
            found = ""
        if not found.startswith(item.key_prefix):
            raise SalesforceError("NOT_FOUND", "The requested resource does not exist", status=404)
        return found
