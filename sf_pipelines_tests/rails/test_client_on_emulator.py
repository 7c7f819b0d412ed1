"""The client against the emulator, which was written from the same wire contract without seeing it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from sf_pipelines.config.settings import AuthFlow, SalesforceSettings, Secret
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.model.rail import Operation
from sf_pipelines.policy.poll_schedule import PollSchedule
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.errors import (
    AuthenticationError,
    BulkJobStateError,
    BulkQueryRefusedError,
    FieldNotFoundError,
    ObjectNotFoundError,
)
from sf_pipelines.rails.ports import JobState, ReadableBytes, ResultKind, SalesforceClient

KEY = "External_Id__c"
SCHEDULE = PollSchedule(shortest_seconds=0.02)


@pytest.fixture
def emulator() -> Iterator[EmulatorServer]:
    with EmulatorServer() as server:
        yield server


@pytest.fixture
def client(emulator: EmulatorServer) -> SalesforceClient:
    return connect(settings_of(emulator), schedule=SCHEDULE)


def settings_of(emulator: EmulatorServer, *, secret: str | None = None) -> SalesforceSettings:
    credentials = emulator.credentials
    return SalesforceSettings(
        url=credentials.url,
        flow=AuthFlow.CLIENT_CREDENTIALS,
        client_id=credentials.client_id,
        client_secret=Secret(secret or credentials.client_secret),
    )


def rows_of(stream: ReadableBytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(stream.read().decode())))


def test_a_bulk_load_accounts_for_every_row_and_comes_back_by_query(client: SalesforceClient) -> None:
    lines = [f"{KEY},Name\n", *(f"k{number},n{number}\n" for number in range(12_000)), "bad,\n"]

    job = client.ingest.create("Account", Operation.UPSERT, external_id_field=KEY)
    client.ingest.upload(job.id, (line.encode() for line in lines))
    client.ingest.close(job.id)
    done = client.ingest.wait(job.id, expected_seconds=0)
    results: dict[ResultKind, list[dict[str, str]]] = {}
    for kind in ResultKind:
        with client.ingest.results(job.id, kind) as stream:
            results[kind] = rows_of(stream)

    assert (done.state, done.records_processed, done.records_failed) == (JobState.JOB_COMPLETE, 12_001, 1)
    assert len(results[ResultKind.SUCCESSFUL]) == 12_000
    assert [row[KEY] for row in results[ResultKind.FAILED]] == ["bad"]
    assert results[ResultKind.UNPROCESSED] == []

    query = client.queries.create(f"SELECT {KEY}, Name FROM Account WHERE {KEY} != null")
    client.queries.wait(query.id, expected_seconds=0)
    pages = [
        (page.rows_reported, rows_of(page.stream)) for page in client.queries.pages(query.id, page_rows=5_000)
    ]

    assert [(reported, len(rows)) for reported, rows in pages] == [
        (5_000, 5_000),
        (5_000, 5_000),
        (2_000, 2_000),
    ]
    assert {row[KEY]: row["Name"] for _, rows in pages for row in rows} == {
        f"k{n}": f"n{n}" for n in range(12_000)
    }
    assert client.org.api_usage is not None
    assert client.org.calls_made == client.org.api_usage.used


def test_rest_writes_refers_to_parents_clears_them_and_deletes(client: SalesforceClient) -> None:
    parent = f"Account.{KEY}"
    accounts = [{KEY: f"k{number}", "Name": f"n{number}"} for number in range(450)]
    upserted = client.rest.write("Account", Operation.UPSERT, [*accounts, {KEY: "x"}], external_id_field=KEY)
    contacts = [
        {"LastName": "Ann", parent: "k1"},
        {"LastName": "Ben", parent: None},
        {"LastName": "Cem", parent: "none"},
    ]
    inserted = client.rest.write("Contact", Operation.INSERT, contacts)
    ann, ben = (outcome.salesforce_id for outcome in inserted.outcomes[:2])
    before = next(client.rest.query("SELECT LastName, Account.Name FROM Contact ORDER BY LastName"))
    client.rest.write("Contact", Operation.UPDATE, [{"Id": ann, parent: None}])
    after = next(client.rest.query("SELECT LastName, AccountId FROM Contact ORDER BY LastName"))
    deleted = client.rest.write("Contact", Operation.DELETE, [{"Id": ann}, {"Id": None}, {"Id": ben}])

    assert [outcome.state.value for outcome in upserted.outcomes] == ["succeeded"] * 450 + ["failed"]
    assert all(outcome.created for outcome in upserted.outcomes[:450])
    assert [outcome.state.value for outcome in inserted.outcomes] == ["succeeded", "succeeded", "failed"]
    assert before.records == [
        {"LastName": "Ann", "Account": {"Name": "n1"}},
        {"LastName": "Ben", "Account": None},
    ]
    assert [record["AccountId"] for record in after.records] == [None, None]
    assert [outcome.state.value for outcome in deleted.outcomes] == ["succeeded", "failed", "succeeded"]
    assert client.rest.count("SELECT COUNT() FROM Contact") == 0


def test_the_orgs_refusals_have_their_own_classes(client: SalesforceClient) -> None:
    with pytest.raises(ObjectNotFoundError, match="'Nope'"):
        client.org.describe("Nope")
    with pytest.raises(FieldNotFoundError, match="'Nope__c'"):
        next(client.rest.query("SELECT Nope__c FROM Account"))
    with pytest.raises(BulkQueryRefusedError):
        client.queries.create("SELECT BillingAddress FROM Account")
    with pytest.raises(ObjectNotFoundError, match="Nope"):
        client.ingest.create("Nope", Operation.INSERT)


def test_a_job_is_closed_once_and_not_aborted_after_its_end(client: SalesforceClient) -> None:
    job = client.ingest.create("Account", Operation.INSERT)
    client.ingest.upload(job.id, [b"Name\nAnn\n"])
    client.ingest.close(job.id)
    client.ingest.wait(job.id, expected_seconds=0)

    assert client.ingest.close(job.id).state is JobState.JOB_COMPLETE
    with pytest.raises(BulkJobStateError):
        client.ingest.abort(job.id)


def test_wrong_credentials_are_told(emulator: EmulatorServer) -> None:
    client = connect(settings_of(emulator, secret="wrong"), schedule=SCHEDULE)

    with pytest.raises(AuthenticationError, match="SALESFORCE_CLIENT_SECRET"):
        client.org.headroom()
