from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sf_pipelines.model.describe import FieldDescribe
from sf_pipelines.model.headroom import Budget
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.errors import ObjectNotFoundError, UnexpectedAnswerError
from sf_pipelines.rails.ports import SalesforceClient
from sf_pipelines_tests.rails.scripted_org import DATA, ScriptedOrg, json_reply
from sf_pipelines_tests.rails.settings_samples import client_credentials

NOON = "Sun, 01 Mar 2026 12:00:00 GMT"
FIELD = {
    "name": "AccountId",
    "type": "reference",
    "length": 18,
    "precision": 0,
    "scale": 0,
    "nillable": True,
    "createable": True,
    "updateable": False,
    "calculated": False,
    "externalId": False,
    "idLookup": True,
    "defaultedOnCreate": False,
    "referenceTo": ["Account"],
    "relationshipName": "Account",
    "compoundFieldName": None,
    "picklistValues": [],
}
CONTACT = {
    "name": "Contact",
    "keyPrefix": "003",
    "createable": True,
    "updateable": True,
    "deletable": False,
    "queryable": True,
    "fields": [FIELD],
}


def test_describe_reads_object_and_fields(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", "sobjects/Contact/describe", json_reply(CONTACT))

    described = client.org.describe("Contact")

    assert (described.name, described.key_prefix, described.deletable) == ("Contact", "003", False)
    assert described.fields == {
        "AccountId": FieldDescribe(
            name="AccountId",
            type="reference",
            length=18,
            updateable=False,
            id_lookup=True,
            reference_to=("Account",),
            relationship_name="Account",
        )
    }


def test_an_unknown_object_is_named(org: ScriptedOrg, client: SalesforceClient) -> None:
    with pytest.raises(ObjectNotFoundError, match="no object 'Accout'") as caught:
        client.org.describe("Accout")

    assert caught.value.sobject == "Accout"
    assert caught.value.request_id == org.calls()[0].headers["X-Request-Id"]
    assert caught.value.path == f"{DATA}/sobjects/Accout/describe"


def test_a_describe_of_another_shape_is_unexpected(org: ScriptedOrg, client: SalesforceClient) -> None:
    for data in ({"name": "Contact"}, CONTACT | {"fields": [{}]}, CONTACT | {"fields": ["x"]}, []):
        org.script("GET", "sobjects/Contact/describe", json_reply(data))
        with pytest.raises(UnexpectedAnswerError):
            client.org.describe("Contact")


def test_headroom_takes_every_budget_that_the_org_tells(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.date = NOON
    limits = {
        "DailyApiRequests": {"Max": 15_000, "Remaining": 14_878, "An app": {"Max": 0, "Remaining": 0}},
        "MonthlyPlatformEvents": {"Max": 10, "Remaining": -3},
        "Something": "else",
        "Half": {"Max": 1},
    }
    org.script("GET", "limits", json_reply(limits))

    headroom = client.org.headroom()

    assert headroom.budgets == {
        "DailyApiRequests": Budget(maximum=15_000, remaining=14_878),
        "MonthlyPlatformEvents": Budget(maximum=10, remaining=-3),
    }
    assert headroom.taken_at >= datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert client.org.calls_made == 1


def test_the_orgs_clock_is_asked_once_and_then_carried_on(org: ScriptedOrg) -> None:
    seconds = [100.0]
    client = connect(client_credentials(org.url), monotonic=lambda: seconds[0])
    org.script("GET", "/services/data/", json_reply({}))
    org.date = NOON

    first = client.org.org_time()
    seconds[0] += 30
    later = client.org.org_time()
    calls = len(org.calls())
    seconds[0] += 31
    org.date = "Sun, 01 Mar 2026 18:00:00 GMT"
    renewed = client.org.org_time()

    assert first == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert later == datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
    assert calls == 1
    assert renewed == datetime(2026, 3, 1, 18, tzinfo=UTC)
    assert client.org.calls_made == 0
    assert org.calls()[0].token == ""


def test_an_unreadable_date_is_no_time(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", "/services/data/", json_reply({}))
    org.date = "yesterday"

    with pytest.raises(UnexpectedAnswerError, match="Date"):
        client.org.org_time()


def test_the_page_of_a_job_is_in_the_org_and_costs_no_call(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    url = client.org.job_url("750000000000001AAA")

    assert url.startswith(org.url)
    assert url.endswith("%2F750000000000001AAA")
    assert org.received == []
