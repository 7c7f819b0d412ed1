"""An unmodified third-party client against the emulator."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer


class PlainHttp(HTTPAdapter):
    """The client only ever says https; the emulator speaks http on loopback."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        request.url = str(request.url).replace("https://", "http://", 1)
        return super().send(request, *args, **options)


def connect(server: EmulatorServer) -> Salesforce:
    session = requests.Session()
    session.mount("https://127.0.0.1", PlainHttp())
    token = server.surface.oauth.open_session().token
    return Salesforce(instance_url=server.credentials.url, session_id=token, session=session, version="62.0")


def test_rows_queries_and_errors_work(server: EmulatorServer) -> None:
    org = connect(server)

    created = org.Account.create({"Name": "Acme"})  # type: ignore[operator]
    assert org.Account.update(created["id"], {"Industry": "Energy"}) == 204  # type: ignore[operator]
    assert org.Account.upsert("External_Id__c/e-1", {"Name": "Other"}) == 201  # type: ignore[operator]
    found = org.query_all("SELECT Id, Name, Industry FROM Account ORDER BY Name")

    assert [row["Name"] for row in found["records"]] == ["Acme", "Other"]
    assert found["records"][0]["Industry"] == "Energy"
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        org.query("SELECT Nope FROM Account")


def test_keys_replication_and_composites_work(server: EmulatorServer, clock: Clock) -> None:
    org = connect(server)
    accounts: Any = org.Account

    assert accounts.upsert("External_Id__c/e-1", {"Name": "a"}) == 201
    assert accounts.upsert("External_Id__c/e-1", {"Name": "b"}) == 200
    row = accounts.get_by_custom_id("External_Id__c", "e-1")
    gone = accounts.create({"Name": "gone"})["id"]
    assert accounts.delete(gone) == 204
    start, end = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=1)

    assert accounts.updated(start, end)["ids"] == [row["Id"]]
    assert [one["id"] for one in accounts.deleted(start, end)["deletedRecords"]] == [gone]
    assert accounts.metadata()["objectDescribe"]["name"] == "Account"
    batch = {"batchRequests": [{"method": "GET", "url": "v62.0/limits"}]}
    assert org.restful("composite/batch", method="POST", json=batch)["hasErrors"] is False
    with pytest.raises(SalesforceResourceNotFound, match="Provided external ID field does not exist"):
        accounts.get("nobody")
    with pytest.raises(SalesforceMalformedRequest, match="MALFORMED_SEARCH"):
        org.search("FIND Acme")


def test_bulk_2_inserts_upserts_and_queries(server: EmulatorServer) -> None:
    org = connect(server)
    accounts = org.bulk2.Account  # type: ignore[attr-defined]
    rows = [{"External_Id__c": f"e-{n}", "Name": f"n{n}"} for n in range(500)]

    (inserted,) = accounts.insert(records=rows, wait=0)
    (upserted,) = accounts.upsert(
        records=[*rows[:10], {"External_Id__c": "new", "Name": ""}],
        external_id_field="External_Id__c",
        wait=0,
    )

    assert (inserted["numberRecordsProcessed"], inserted["numberRecordsFailed"]) == (500, 0)
    assert (upserted["numberRecordsProcessed"], upserted["numberRecordsFailed"]) == (11, 1)
    failed = list(csv.DictReader(io.StringIO(accounts.get_failed_records(upserted["job_id"]))))
    assert failed[0]["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    pages = list(accounts.query("SELECT Name FROM Account", max_records=200, wait=0))
    assert [len(list(csv.DictReader(io.StringIO(page)))) for page in pages] == [200, 200, 100]
