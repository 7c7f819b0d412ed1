"""simple-salesforce, unmodified, when things go wrong: expired sessions, and faults of the control plane."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
)

from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.clients.peer import MY_DOMAIN, VERSION, ControlPlane

SOQL = "SELECT Id FROM Account"
# longer than a session lasts
A_DAY_SECONDS = 86_400


def log_in(org: EmulatorServer, session: requests.Session) -> Salesforce:
    given = org.credentials
    return Salesforce(
        consumer_key=given.client_id,
        consumer_secret=given.client_secret,
        domain=MY_DOMAIN,
        session=session,
        version=VERSION,
    )


def test_a_client_that_logged_in_does_so_again_when_its_session_ends(
    org: EmulatorServer, session: requests.Session, control: ControlPlane
) -> None:
    client = log_in(org, session)
    first = client.session_id
    control.post("clock", advance_seconds=A_DAY_SECONDS)

    assert client.query(SOQL)["totalSize"] == 0
    assert client.session_id != first
    paths = [("POST", 200), ("GET", 401), ("POST", 200), ("GET", 200)]
    assert control.calls() == paths


def test_a_client_with_a_bare_session_needs_a_new_one(
    client: Salesforce, org: EmulatorServer, session: requests.Session, control: ControlPlane
) -> None:
    control.post("clock", advance_seconds=A_DAY_SECONDS)
    with pytest.raises(SalesforceExpiredSession, match="INVALID_SESSION_ID"):
        client.query(SOQL)

    assert log_in(org, session).query(SOQL)["totalSize"] == 0


def test_an_org_that_is_down_is_told_by_its_status_and_code(
    client: Salesforce, control: ControlPlane
) -> None:
    accounts: Any = client.Account
    control.post("faults", kind="status", status=503, path="*/sobjects/*", first=1)
    control.post("faults", kind="status", status=503, html=True, path="*/query*", first=1)
    with pytest.raises(SalesforceGeneralError, match="SERVER_UNAVAILABLE") as down:
        accounts.create({"Name": "a"})
    with pytest.raises(SalesforceGeneralError, match="down for maintenance"):
        client.query(SOQL)

    assert down.value.status == 503
    assert accounts.create({"Name": "a"})["success"]
    assert client.query(SOQL)["totalSize"] == 1


def test_a_locked_row_is_refused_and_taken_later(client: Salesforce, control: ControlPlane) -> None:
    accounts: Any = client.Account
    id_ = accounts.create({"Name": "a"})["id"]
    control.post("faults", kind="rows_fail", code="UNABLE_TO_LOCK_ROW", method="PATCH", first=1)
    with pytest.raises(SalesforceMalformedRequest, match="UNABLE_TO_LOCK_ROW") as locked:
        accounts.update(id_, {"Name": "b"})

    content: Any = locked.value.content
    assert content[0]["message"] == f"unable to obtain exclusive access to this record or 1 records: {id_}"
    assert accounts.update(id_, {"Name": "b"}) == 204
    assert accounts.get(id_)["Name"] == "b"


def test_a_spent_quota_refuses_the_call(client: Salesforce, control: ControlPlane) -> None:
    control.post("limits", DailyApiRequests={"used": 100_000, "max": 100_000})

    with pytest.raises(SalesforceRefusedRequest, match=r"TotalRequests Limit exceeded\."):
        client.query(SOQL)
