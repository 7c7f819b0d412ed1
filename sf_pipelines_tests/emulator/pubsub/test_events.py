from __future__ import annotations

import difflib
import hashlib
from typing import Any

import fastavro
import pytest
import requests

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.core.helpers import DEAL, add
from sf_pipelines_tests.emulator.pubsub.support import CHANGE_EVENTS, Client

HEADER = "ChangeEventHeader"


def _changes(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != HEADER and value is not None}


def test_a_create_tells_every_field_that_has_a_value(org: Org, client: Client) -> None:
    account = add(org, "Account", Name="A", AnnualRevenue=0.5, BillingCity="Bern")
    add(org, "Contact", LastName="L", FirstName="F", AccountId=account, Birthdate="2000-01-02")
    first, second = client.read(2)
    header = first[HEADER]
    assert (header["entityName"], header["changeType"], header["recordIds"]) == (
        "Account",
        "CREATE",
        [account],
    )
    assert (header["changedFields"], header["nulledFields"], header["diffFields"]) == ([], [], [])
    assert first["Name"] == "A"
    assert {key: value for key, value in first["BillingAddress"].items() if value} == {"City": "Bern"}
    assert second["Name"] == {"Salutation": None, "FirstName": "F", "LastName": "L"}
    assert second["Birthdate"] == 946_771_200_000
    assert second["HasOptedOutOfEmail"] is False


def test_bitmaps_name_the_fields_as_the_documentations_examples_do(org: Org, client: Client) -> None:
    account = add(org, "Account", Name="A", Industry="Energy", BillingStreet="s", BillingCity="c")
    org.update("Account", [{"Id": account, "Industry": "Media"}])
    org.update("Account", [{"Id": account, "BillingStreet": None, "Industry": None}])
    _, one, two = client.read(3)
    assert one[HEADER]["changedFields"] == ["0x400800"]
    assert _changes(one).keys() == {"Industry", "LastModifiedDate"}
    assert two[HEADER]["changedFields"] == ["0x400800", "4-0x01"]
    assert two[HEADER]["nulledFields"] == ["0x0800", "4-0x01"]
    assert _changes(two).keys() == {"BillingAddress", "LastModifiedDate"}


def test_an_update_that_changes_nothing_tells_only_when_it_was(org: Org, client: Client) -> None:
    account = add(org, "Account", Name="A")
    org.update("Account", [{"Id": account, "Name": "A"}])
    event = client.read(2)[1]
    assert event[HEADER]["changedFields"] == ["0x400000"]
    assert _changes(event).keys() == {"LastModifiedDate"}


def test_formula_fields_are_told_with_the_change_that_moves_them(org: Org, client: Client) -> None:
    deal = add(org, "Opportunity", **DEAL)
    org.update("Opportunity", [{"Id": deal, "StageName": "Closed Won"}])
    event = client.read(2)[1]
    assert (event["StageName"], event["IsWon"], event["Probability"]) == ("Closed Won", True, 100.0)


def test_a_delete_tells_what_goes_along_and_an_undelete_what_comes_back(org: Org, client: Client) -> None:
    account = add(org, "Account", Name="A")
    contact = add(org, "Contact", LastName="L", AccountId=account)
    org.delete("Account", [account])
    org.undelete("Account", [account])
    org.delete("Contact", [contact], hard=True)
    *_, gone, gone_along, back, back_along, purged = client.read(7)
    assert [event[HEADER]["changeType"] for event in (gone, gone_along)] == ["DELETE", "DELETE"]
    assert gone[HEADER]["transactionKey"] == gone_along[HEADER]["transactionKey"]
    assert [event[HEADER]["sequenceNumber"] for event in (gone, gone_along)] == [1, 2]
    assert _changes(gone) == {}
    assert back["Name"] == "A"
    assert back_along["AccountId"] == account
    assert (purged[HEADER]["changeType"], purged[HEADER]["recordIds"]) == ("DELETE", [contact])


def test_purging_the_recycle_bin_and_undone_writes_tell_nothing(org: Org, client: Client) -> None:
    account = add(org, "Account", Name="A")
    org.create("Account", [{"Name": "good"}, {"Name": "x" * 300}], all_or_none=True)
    with org.transaction() as transaction:
        add(org, "Account", Name="undone")
        transaction.rollback()
    add(org, "Account", Name="last")
    assert [event["Name"] for event in client.read(2)] == ["A", "last"]
    assert account


def test_several_changes_of_a_record_in_a_transaction_are_one_event(org: Org, client: Client) -> None:
    account = add(org, "Account", Name="A", Industry="Energy")
    with org.transaction():
        fresh = add(org, "Account", Name="draft")
        org.update("Account", [{"Id": fresh, "Name": "final"}])
        org.update("Account", [{"Id": account, "Industry": "Media"}])
        org.update("Account", [{"Id": account, "Phone": "1", "Industry": "Energy"}])
        org.delete("Account", [add(org, "Account", Name="ghost")])
    _, created, updated = client.read(3)
    assert (created[HEADER]["changeType"], created["Name"]) == ("CREATE", "final")
    assert _changes(updated).keys() == {"Phone", "LastModifiedDate"}
    assert [created[HEADER]["sequenceNumber"], updated[HEADER]["sequenceNumber"]] == [1, 2]


def test_equal_changes_of_several_records_are_one_event(org: Org, client: Client) -> None:
    ids = [add(org, "Account", Name=name) for name in "abc"]
    org.update("Account", [{"Id": id_, "Industry": "Media"} for id_ in ids])
    event = client.read(4)[3]
    assert event[HEADER]["recordIds"] == ids
    assert event["Industry"] == "Media"


def test_a_transaction_with_too_many_changes_overflows(org: Org, client: Client) -> None:
    org.changes.settings.overflow_changes = 3
    with org.transaction():
        ids = [add(org, "Account", Name=f"A{number}") for number in range(5)]
        add(org, "Contact", LastName="L")
    events = client.read(5)
    org.changes.settings.overflow_changes = 100_000
    assert [event[HEADER]["changeType"] for event in events] == ["CREATE"] * 3 + ["GAP_OVERFLOW"] * 2
    assert [event[HEADER]["recordIds"] for event in events[:3]] == [[id_] for id_ in ids[:3]]
    assert [event[HEADER]["entityName"] for event in events[3:]] == ["Account", "Contact"]
    assert events[3][HEADER]["recordIds"] == ["000000000000000AAA"]


def test_an_event_beyond_a_megabyte_is_a_gap(org: Org, client: Client) -> None:
    org.changes.settings.event_bytes = 20_000
    account = add(org, "Account", Name="A", Description="x" * 30_000)
    [event] = client.read(1)
    org.changes.settings.event_bytes = 1_000_000
    assert (event[HEADER]["changeType"], event[HEADER]["recordIds"]) == ("GAP_CREATE", [account])
    assert _changes(event) == {}


def test_the_origin_names_the_api_its_version_and_the_client(server: EmulatorServer, client: Client) -> None:
    url = f"{server.credentials.url}/services/data/v62.0/sobjects/Account"
    headers = {"Authorization": f"Bearer {client.token}"}
    requests.post(url, json={"Name": "A"}, headers=headers, timeout=10)
    headers["Sforce-Call-Options"] = "client=loader"
    requests.post(url, json={"Name": "B"}, headers=headers, timeout=10)
    add(server.surface.org, "Account", Name="C")
    origins = [event[HEADER]["changeOrigin"] for event in client.read(3)]
    assert origins == ["com/salesforce/api/rest/62.0", "com/salesforce/api/rest/62.0;client=loader", ""]


def test_a_bulk_job_commits_chunks_of_200_rows_for_the_client_that_made_it(
    server: EmulatorServer, client: Client
) -> None:
    data = f"{server.credentials.url}/services/data/v62.0/jobs/ingest"
    http = requests.Session()
    http.headers.update({"Authorization": f"Bearer {client.token}", "Sforce-Call-Options": "client=loader"})
    job = http.post(data, json={"object": "Account", "operation": "insert"}, timeout=10).json()
    rows = "\n".join(f"A{number}" for number in range(250))
    http.put(
        f"{data}/{job['id']}/batches",
        data=f"Name\n{rows}\n",
        headers={"Content-Type": "text/csv"},
        timeout=10,
    )
    http.patch(f"{data}/{job['id']}", json={"state": "UploadComplete"}, timeout=10)
    with client.subscribe() as stream:
        events = [client.decode(event)[HEADER] for event in stream.events(100)]
        stream.more(100)
        events += [client.decode(event)[HEADER] for event in stream.events(100)]
        stream.more(50)
        events += [client.decode(event)[HEADER] for event in stream.events(50)]
    assert {event["changeOrigin"] for event in events} == {"com/salesforce/api/bulkapi/62.0;client=loader"}
    assert [event["sequenceNumber"] for event in events] == [*range(1, 201), *range(1, 51)]
    assert len({event["transactionKey"] for event in events}) == 2


def test_channels_carry_what_is_selected_for_them(org: Org, client: Client) -> None:
    channels = org.changes.channels
    channels.put(CHANGE_EVENTS, ["Account"])
    channels.put("/data/Team__chn", ["Contact", "account"])
    add(org, "Account", Name="A")
    add(org, "Lead", LastName="L", Company="C")
    add(org, "Contact", LastName="L")
    assert [event[HEADER]["entityName"] for event in client.read(2, topic="/data/Team__chn")] == [
        "Account",
        "Contact",
    ]
    assert [event[HEADER]["entityName"] for event in client.read(1, topic="/data/ContactChangeEvent")] == [
        "Contact"
    ]
    add(org, "Account", Name="B")
    assert [event["Name"] for event in client.read(2)] == ["A", "B"]


def test_five_objects_can_be_selected_unless_the_org_bought_more(org: Org) -> None:
    channels = org.changes.channels
    with pytest.raises(SalesforceError, match="At most 5"):
        channels.put("/data/Team__chn", ["Task"])
    channels.is_unlimited = True
    channels.put("/data/Team__chn", ["Task"])
    channels.is_unlimited = False
    assert "Task" in channels.selected


def test_a_reset_begins_another_stream(org: Org, client: Client) -> None:
    add(org, "Account", Name="A")
    before = org.changes.log.replay_id(org.changes.log.end)
    org.reset()
    with pytest.raises(ValueError, match="reset"):
        org.changes.log.place_of(before)
    add(org, "Account", Name="B")
    assert [event["Name"] for event in client.read(1)] == ["B"]


def test_a_changed_long_text_is_told_as_a_diff(org: Org, client: Client) -> None:
    before = "\n".join(f"line {number} {'x' * 30}" for number in range(40))
    after = before.replace("line 7 ", "line seven ") + "\n"
    account = add(org, "Account", Name="A", Description=before)
    org.update("Account", [{"Id": account, "Description": after}])
    org.update("Account", [{"Id": account, "Description": "short"}])
    created, changed, shortened = client.read(3)
    assert created["Description"] == before
    head, name, *hunks = changed["Description"].split("\n")
    stored = after.strip()
    assert (head, name) == ("--- ", f"+++ {hashlib.sha256(stored.encode()).hexdigest()}")
    assert (
        "\n".join(hunks)
        == "\n".join(difflib.unified_diff(before.split("\n"), stored.split("\n"), lineterm="")).split(
            "\n", 2
        )[2]
    )
    schema = client.schema(client.topic("/data/AccountChangeEvent").schema_id)
    fields = [field["name"] for field in schema["fields"]]
    assert changed[HEADER]["diffFields"] == [f"0x{1 << fields.index('Description'):06X}"]
    assert shortened["Description"] == "short"
    assert shortened[HEADER]["diffFields"] == []


def test_the_rest_api_tells_the_schema_too(server: EmulatorServer, client: Client) -> None:
    schema_id = client.topic("/data/AccountChangeEvent").schema_id
    url = f"{server.credentials.url}/services/data/v62.0/event/eventSchema"
    headers = {"Authorization": f"Bearer {client.token}"}
    compact = requests.get(f"{url}/{schema_id}?payloadFormat=COMPACT", headers=headers, timeout=10).json()
    assert compact.pop("uuid") == schema_id
    assert compact == client.schema(schema_id)
    expanded = requests.get(f"{url}/{schema_id}", headers=headers, timeout=10).json()
    assert [field["name"] for field in expanded["fields"]] == ["data", "channel"]
    assert expanded["uuid"] == schema_id
    fastavro.parse_schema(expanded)
    assert requests.get(f"{url}/nosuchschema", headers=headers, timeout=10).status_code == 404
