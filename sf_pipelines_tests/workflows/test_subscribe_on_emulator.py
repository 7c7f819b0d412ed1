from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import pytest
from sqlalchemy import Engine

from sf_pipelines.config.change_settings import ChangeSettings, StartFrom
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.change_queries import PendingChange, channel_states, open_gaps, pending_changes
from sf_pipelines.ledger.change_verbs import ChangeLedger
from sf_pipelines.model.gap import GapCause
from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.client import connect, connect_changes
from sf_pipelines.rails.ports import SalesforceClient
from sf_pipelines.workflows.subscribe import subscribe
from sf_pipelines.workflows.subscribe_tools import SubscribeTools
from sf_pipelines_tests.workflows.orgs import settings_of

CHANNEL = "/data/ChangeEvents"
EARLIEST = ChangeSettings(first_start=StartFrom.EARLIEST)


@pytest.fixture
def clock() -> Clock:
    """The org's clock goes on, unlike that of most tests: keepalives of a stream wait for it."""
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[EmulatorServer]:
    with EmulatorServer(clock=clock, pubsub_port=0) as server:
        yield server


@pytest.fixture
def client(emulator: EmulatorServer) -> SalesforceClient:
    return connect(settings_of(emulator))


def changes_after(emulator: EmulatorServer, engine: Engine, count: int) -> list[PendingChange]:
    """Subscribe until so many whole changes are stored, and give them."""
    url = f"http://{emulator.credentials.pubsub_address}"
    found: list[PendingChange] = []
    with connect_changes(settings_of(emulator), url) as pubsub:
        tools = SubscribeTools(
            pubsub=pubsub, ledger=ChangeLedger(engine), engine=engine, settings=EARLIEST, holder="worker"
        )
        thread = Thread(target=subscribe, args=(CHANNEL, tools), daemon=True)
        thread.start()
        for _ in range(3_000):
            with engine.begin() as connection:
                found = [
                    change
                    for sobject in ("Account", "Contact")
                    for change in pending_changes(connection, sobject, limit=1_000)
                ]
            if len(found) >= count:
                break
            Event().wait(0.01)
        tools.stop.set()
        thread.join(30)
    return sorted(found, key=lambda change: change.id)


def test_writes_of_the_org_arrive_with_exactly_what_was_set_and_nulled(
    emulator: EmulatorServer, client: SalesforceClient, engine: Engine
) -> None:
    account = {"Name": "Acme", "BillingCity": "Berlin", "BillingStreet": "Am Ufer 1", "Site": "east"}
    (created,) = client.rest.write("Account", Operation.INSERT, [account]).outcomes
    id_ = created.salesforce_id or ""
    client.rest.write("Account", Operation.UPDATE, [{"Id": id_, "BillingCity": None, "Site": "west"}])
    client.rest.write("Account", Operation.DELETE, [{"Id": id_}])

    create, update, delete = changes_after(emulator, engine, 3)

    assert [change.change_type for change in (create, update, delete)] == ["CREATE", "UPDATE", "DELETE"]
    assert {change.record_ids[0] for change in (create, update, delete)} == {id_}
    assert account.items() <= create.values.items()
    assert None not in create.values.values()
    assert {"BillingCity", "Site", "LastModifiedDate"} == set(update.changed_fields)
    assert (update.values["BillingCity"], update.values["Site"]) == (None, "west")
    assert "BillingStreet" not in update.values
    assert "BillingCity" in update.nulled_fields
    assert delete.values == {}
    assert create.commit_timestamp <= update.commit_timestamp <= delete.commit_timestamp
    assert "rest" in create.change_origin


def test_a_person_is_stored_under_the_names_of_the_describe(
    emulator: EmulatorServer, client: SalesforceClient, engine: Engine
) -> None:
    client.rest.write("Contact", Operation.INSERT, [{"FirstName": "Ann", "LastName": "Lee"}])

    (create,) = changes_after(emulator, engine, 1)

    names = set(client.org.describe("Contact").fields)
    assert (create.values["FirstName"], create.values["LastName"]) == ("Ann", "Lee")
    assert set(create.values) <= names


def test_what_is_purged_while_nobody_subscribes_becomes_a_gap(
    emulator: EmulatorServer, client: SalesforceClient, engine: Engine, clock: Clock
) -> None:
    client.rest.write("Account", Operation.INSERT, [{"Name": "first"}])
    changes_after(emulator, engine, 1)
    clock.advance(80 * 3_600)
    client.rest.write("Account", Operation.INSERT, [{"Name": "second"}])

    changes = changes_after(emulator, engine, 2)

    assert [change.values["Name"] for change in changes] == ["first", "second"]
    causes = {gap.cause for gap in open_gaps(engine)}
    assert causes == {GapCause.FIRST_START, GapCause.REPLAY_ID_REFUSED}
    assert channel_states(engine)[0].position is not None
