"""An org that tells its changes, a subscriber that stores them, and the warehouse beside the org's answer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from sf_pipelines.config.change_settings import ChangeSettings, StartFrom
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.lake.json_pages import json_page_to_batch
from sf_pipelines.lake.types import arrow_schema
from sf_pipelines.ledger.change_verbs import ChangeLedger
from sf_pipelines.model.gap import GapProof
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.rails.client import connect_changes
from sf_pipelines.workflows.checks import extract_fields
from sf_pipelines.workflows.merge_changes import ChangeMerge, merge_changes
from sf_pipelines.workflows.subscribe import subscribe
from sf_pipelines.workflows.subscribe_tools import SubscribeTools
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import settings_of

CHANNEL = "/data/ChangeEvents"
EARLIEST = ChangeSettings(first_start=StartFrom.EARLIEST, restart=StartFrom.EARLIEST)
PATIENCE_TURNS = 3_000


@dataclass
class ChangeScene:
    """One org and one ledger."""

    emulator: EmulatorServer
    engine: Engine
    tools: Tools
    settings: ChangeSettings = EARLIEST

    @contextmanager
    def subscriber(self) -> Generator[None]:
        """One that works meanwhile; it stores what has arrived before it ends."""
        url = f"http://{self.emulator.credentials.pubsub_address}"
        with connect_changes(settings_of(self.emulator), url) as pubsub:
            tools = SubscribeTools(
                pubsub=pubsub,
                ledger=ChangeLedger(self.engine),
                engine=self.engine,
                settings=self.settings,
                holder="worker",
            )
            thread = Thread(target=subscribe, args=(CHANNEL, tools), daemon=True)
            thread.start()
            try:
                yield
            finally:
                tools.stop.set()
                thread.join(30)

    def insert(self, sobject: str, *records: dict[str, Any]) -> list[str]:
        """Records in the org; gives their ids."""
        return [id_ for id_ in self._write(sobject, Operation.INSERT, records) if id_]

    def update(self, sobject: str, *records: dict[str, Any]) -> None:
        self._write(sobject, Operation.UPDATE, records)

    def delete(self, sobject: str, *ids: str) -> None:
        self._write(sobject, Operation.DELETE, [{"Id": id_} for id_ in ids])

    def _write(self, sobject: str, operation: Operation, records: Sequence[dict[str, Any]]) -> list[Any]:
        outcomes = self.tools.client.rest.write(sobject, operation, list(records)).outcomes
        assert all(item.error is None for item in outcomes), outcomes
        return [item.salesforce_id for item in outcomes]

    def stored(self, count: int) -> None:
        """Wait until the ledger has so many events."""
        self.until(lambda: self.scalar("SELECT count(*) FROM ledger.change_event") >= count)

    def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(PATIENCE_TURNS):
            if is_so():
                return
            Event().wait(0.01)
        raise AssertionError("it did not come to that in time")

    def caught_up(self) -> None:
        """All that the org has committed until now is in the ledger: a last write has arrived whole."""
        (id_,) = self.insert("Account", {"Name": "the last one"})
        statement = (
            f"SELECT count(*) FROM ledger.change_event WHERE record_ids @> ARRAY['{id_}'] "
            "AND NOT EXISTS (SELECT FROM ledger.replay_position WHERE open_transaction IS NOT NULL)"
        )
        self.until(lambda: self.scalar(statement) > 0)

    def merge(self, sobject: str = "Account", **options: Any) -> ChangeMerge:
        return merge_changes(self.engine, sobject, CHANNEL, **options)

    def close(self, gap_id: UUID) -> None:
        """End a gap that the test is not about."""
        ledger = ChangeLedger(self.engine)
        ledger.record_repair(gap_id, run_id=None)
        ledger.close_gap(
            gap_id, GapProof(org_rows=0, rows_before=0, rows_after=0, rows_repaired=0, rows_deleted=0)
        )

    def scalar(self, statement: str) -> Any:
        with self.engine.begin() as connection:
            return connection.execute(text(statement)).scalar_one()

    def in_warehouse(self, sobject: str = "Account") -> dict[str, dict[str, Any]]:
        """Rows by Id, without the columns of ours."""
        with self.engine.begin() as connection:
            rows = connection.execute(text(f'SELECT * FROM raw.{sobject.lower()} ORDER BY "Id"')).mappings()
            return {row["Id"]: {name: row[name] for name in row if name[0] != "_"} for row in rows}

    def in_org(self, sobject: str = "Account") -> dict[str, dict[str, Any]]:
        """Rows by Id as an extract by REST types them, deleted ones too."""
        describe = self.tools.client.org.describe(sobject)
        schema = arrow_schema(describe, extract_fields(ExtractSync(name="x", sobject=sobject), describe))
        soql = f"SELECT {', '.join(schema.names)} FROM {sobject} ORDER BY Id"
        pages = self.tools.client.rest.query(soql, include_deleted=True)
        rows = [row for page in pages for row in json_page_to_batch(page.records, schema).to_pylist()]
        return {row["Id"]: row for row in rows}

    def differences(self, sobject: str = "Account") -> dict[str, Any]:
        """Id to field to both values, where warehouse and org differ in what events carry; {} is agreement.

        A row in the recycle bin was stamped by its delete, which tells only when it was committed: the two
        are milliseconds apart.
        """
        warehouse, org = self.in_warehouse(sobject), self.in_org(sobject)
        found: dict[str, Any] = {id_: "only on one side" for id_ in warehouse.keys() ^ org.keys()}
        for id_ in warehouse.keys() & org.keys():
            ours, theirs = warehouse[id_], org[id_]
            fields = ours.keys() & theirs.keys()
            differing = {name: (ours[name], theirs[name]) for name in fields if ours[name] != theirs[name]}
            if theirs["IsDeleted"]:
                stamps = [differing.pop(name, None) for name in ("SystemModstamp", "LastModifiedDate")]
                assert all(pair is None or abs(pair[0] - pair[1]) < timedelta(seconds=1) for pair in stamps)
            found |= {id_: differing} if differing else {}
        return found
