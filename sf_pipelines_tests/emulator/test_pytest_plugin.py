from __future__ import annotations

import requests

from sf_pipelines.emulator.handle import EmulatedOrg
from sf_pipelines.emulator.server import EmulatorServer


def test_the_org_of_a_test_is_fresh_though_the_server_is_shared(
    salesforce_emulator: EmulatorServer, salesforce_org: EmulatedOrg
) -> None:
    salesforce_org.insert("Account", [{"Name": "a"}])
    salesforce_org.fault("status", nth=5)
    salesforce_org.drain("DailyApiRequests")
    salesforce_org.limit("DailyBulkApiBatches", maximum=1)
    salesforce_org.profile("realistic")
    salesforce_org.clock.freeze()

    again = EmulatedOrg(salesforce_emulator)
    again.as_new()

    assert again.query("SELECT Name FROM Account") == []
    assert again.surface.faults.is_empty
    assert again.surface.limits.snapshot()["DailyApiRequests"]["Remaining"] == 100_000
    assert again.surface.limits.maximum("DailyBulkApiBatches") == 15_000
    assert again.surface.latency.profile.name == "instant"
    assert not again.clock.is_frozen


def test_the_handle_tells_what_a_client_did(salesforce_org: EmulatedOrg) -> None:
    before = salesforce_org.dump()
    response = requests.post(
        f"{salesforce_org.url}/services/data/v66.0/sobjects/Account",
        json={"Name": "a"},
        headers={"Authorization": f"Bearer {salesforce_org.credentials.access_token}"},
        timeout=30,
    )

    assert response.status_code == 201
    assert [(call["method"], call["status"]) for call in salesforce_org.calls()] == [("POST", 201)]
    assert [row["Name"] for row in salesforce_org.diff(before)["Account"]["created"]] == ["a"]
    assert salesforce_org.query("SELECT Name FROM Account") == [{"Name": "a"}]


def test_a_fresh_org_has_a_token_as_fresh_as_itself(salesforce_org: EmulatedOrg) -> None:
    before = salesforce_org.credentials

    salesforce_org.as_new()

    assert salesforce_org.credentials.access_token != before.access_token
    assert salesforce_org.credentials.client_id == before.client_id
