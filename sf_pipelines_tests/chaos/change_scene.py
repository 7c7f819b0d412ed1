"""What is written to the org while its changes are read, and what the ledger must hold at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from threading import Event
from typing import Any

from sqlalchemy import Engine, select

from sf_pipelines.emulator.changes.log import BEGINNING
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.change_queries import channel_states, pending_changes
from sf_pipelines.ledger.change_tables import change_event
from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.ports import SalesforceClient

CHANNEL = "/data/AccountChangeEvent"
SOBJECT = "Account"
ROUNDS = 8
"""Each is three transactions."""

SHOWN = ("Name", "Site")
LARGE_FIELDS = tuple(f"Large_{number}__c" for number in range(7))
LARGE_CHARACTERS = 131_072
SCHEMA = "Account:\n  fields:\n" + "".join(
    f"    {name}: {{type: textarea, length: {LARGE_CHARACTERS}}}\n" for name in LARGE_FIELDS
)
"""The emulator's schema file with fields that can fill an event."""
EVERYTHING = 100_000


class Writer:
    """Writes transactions by REST: inserts, updates that null a field, deletes."""

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client
        self._round = 0

    def write(self, rounds: int, *, pause: Event | None = None) -> None:
        """So many rounds, waiting a moment after each transaction where there is something to wait on."""
        for _ in range(rounds):
            self._round += 1
            ids = self._insert([{"Name": f"{self._round}-{row}", "Site": "east"} for row in range(3)])
            self._rest(pause)
            self._send(
                Operation.UPDATE, [{"Id": id_, "Site": None, "Name": f"{id_} changed"} for id_ in ids[:2]]
            )
            self._rest(pause)
            self._send(Operation.DELETE, [{"Id": ids[2]}])
            self._rest(pause)

    def write_large(self) -> None:
        """A record whose event is just below the largest."""
        self._insert([{"Name": "large"} | dict.fromkeys(LARGE_FIELDS, "x" * LARGE_CHARACTERS)])

    def _insert(self, records: list[dict[str, Any]]) -> list[str]:
        outcomes = self._client.rest.write(SOBJECT, Operation.INSERT, records).outcomes
        return [outcome.salesforce_id or "" for outcome in outcomes]

    def _send(self, operation: Operation, records: list[dict[str, Any]]) -> None:
        self._client.rest.write(SOBJECT, operation, records)

    @staticmethod
    def _rest(pause: Event | None) -> None:
        if pause is not None:
            pause.wait(0.03)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """The ledger against the org.

    Attributes:
        lost, doubled: events of the org that the ledger lacks, or has more than once.
        trouble: what else is wrong, empty where the changes make exactly the org's records.
    """

    lost: int
    doubled: int
    trouble: str

    @property
    def is_bad(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.lost or self.doubled or self.trouble)


def events_of_org(emulator: EmulatorServer) -> set[str]:
    """The ids of all events that the org keeps, by its own log."""
    log = emulator.surface.org.changes.log
    return {event.id for event in log.read(BEGINNING, frozenset({SOBJECT}), EVERYTHING).events}


def is_settled(engine: Engine, events: set[str]) -> bool:
    """Whether all of these are stored, and the last transaction is known to be whole."""
    states = channel_states(engine)
    position = states[0].position if states else None
    if position is None or position.open_transaction is not None:
        return False
    with engine.connect() as connection:
        return set(connection.execute(select(change_event.c.event_id)).scalars()) >= events


def compare(engine: Engine, client: SalesforceClient, events: set[str]) -> Comparison:
    """Every event once, and records that follow from the changes alone."""
    with engine.begin() as connection:
        stored = Counter(connection.execute(select(change_event.c.event_id)).scalars())
        changes = pending_changes(connection, SOBJECT, limit=EVERYTHING)
    records: dict[str, dict[str, Any]] = {}
    for change in changes:
        for id_ in change.record_ids:
            if change.change_type == "DELETE":
                records.pop(id_, None)
            else:
                records.setdefault(id_, dict.fromkeys(SHOWN)).update(
                    {name: change.values[name] for name in SHOWN if name in change.values}
                )
    wanted = _records_of_org(client)
    differing = sum(records.get(id_) != wanted.get(id_) for id_ in records.keys() | wanted.keys())
    return Comparison(
        lost=len(events - stored.keys()),
        doubled=sum(count - 1 for count in stored.values()) + len(stored.keys() - events),
        trouble=f"{differing} records differ." if differing else "",
    )


def _records_of_org(client: SalesforceClient) -> dict[str, dict[str, Any]]:
    soql = f"SELECT Id, {', '.join(SHOWN)} FROM {SOBJECT}"
    return {
        record["Id"]: {name: record[name] for name in SHOWN}
        for page in client.rest.query(soql)
        for record in page.records
    }
