"""simple-salesforce, unmodified: rows, queries, the Composite family, replication, limits, rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

from sf_pipelines_tests.clients.peer import Row

AGGREGATES = (
    "SELECT Industry, COUNT(Id) many, SUM(NumberOfEmployees), MAX(Name) FROM Account "
    "GROUP BY Industry HAVING COUNT(Id) > 1 ORDER BY Industry"
)


def create_all(client: Salesforce, sobject: str, rows: Sequence[Row]) -> list[str]:
    """Create rows by sObject Collections; their ids."""
    records = [{"attributes": {"type": sobject}, **row} for row in rows]
    results: Any = client.restful("composite/sobjects", method="POST", json={"records": records})
    assert all(result["success"] for result in results), results
    return [result["id"] for result in results]


def compose(client: Salesforce, *requests: tuple[str, str, str, Any], all_or_none: bool) -> list[Row]:
    """Send (referenceId, method, path below the version, body) as one composite; its answers."""
    nodes = [
        {"referenceId": name, "method": method, "url": f"/services/data/v{client.sf_version}/{path}"}
        | ({} if body is None else {"body": body})
        for name, method, path, body in requests
    ]
    body = {"allOrNone": all_or_none, "compositeRequest": nodes}
    answer: Any = client.restful("composite", method="POST", json=body)
    return answer["compositeResponse"]


def test_rows_are_written_read_and_refused(client: Salesforce) -> None:
    accounts: Any = client.Account
    created = accounts.create({"Name": "Acme"})

    assert accounts.update(created["id"], {"Industry": "Energy"}) == 204
    assert accounts.upsert("External_Id__c/e-1", {"Name": "Other"}) == 201
    assert accounts.upsert("External_Id__c/e-1", {"Name": "Another"}) == 200
    assert accounts.get_by_custom_id("External_Id__c", "e-1")["Name"] == "Another"
    assert accounts.get(created["id"])["Industry"] == "Energy"
    assert accounts.metadata()["objectDescribe"]["name"] == "Account"
    with pytest.raises(SalesforceResourceNotFound, match="Provided external ID field does not exist"):
        accounts.get("nobody")
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        client.query("SELECT Nope FROM Account")
    with pytest.raises(SalesforceMalformedRequest, match="MALFORMED_SEARCH"):
        client.search("FIND Acme")


def test_a_key_of_several_rows_names_them_all(client: Salesforce) -> None:
    ids = create_all(client, "Account", [{"Name": name, "Code__c": "k"} for name in ("a", "b")])

    with pytest.raises(SalesforceMoreThanOneRecord) as refused:
        client.Account.get_by_custom_id("Code__c", "k")  # type: ignore[operator]
    urls: Any = refused.value.content
    assert [url.rpartition("/")[2] for url in urls] == ids


def test_aggregates_are_grouped_and_filtered_by_group(client: Salesforce) -> None:
    staff = [("Energy", 5), ("Energy", 7), ("Media", 1), (None, 2), (None, None)]
    rows = [
        {"Name": f"n{n}", "Industry": kind, "NumberOfEmployees": count}
        for n, (kind, count) in enumerate(staff)
    ]
    create_all(client, "Account", rows)
    found = client.query(AGGREGATES)

    assert (found["totalSize"], found["done"]) == (2, True)
    assert [dict(row) for row in found["records"]] == [
        {"attributes": {"type": "AggregateResult"}, "Industry": None, "many": 2, "expr0": 2, "expr1": "n4"},
        {
            "attributes": {"type": "AggregateResult"},
            "Industry": "Energy",
            "many": 2,
            "expr0": 12,
            "expr1": "n1",
        },
    ]
    assert client.query("SELECT COUNT() FROM Account WHERE Industry = null")["totalSize"] == 2
    with pytest.raises(SalesforceMalformedRequest, match="MALFORMED_QUERY"):
        client.query("SELECT Name, COUNT(Id) FROM Account GROUP BY Industry")


def test_parents_and_children_come_with_their_row(client: Salesforce) -> None:
    with_staff, _ = create_all(client, "Account", [{"Name": "a"}, {"Name": "b"}])
    create_all(client, "Contact", [{"LastName": f"c{n}", "AccountId": with_staff} for n in range(3)])
    children = "(SELECT LastName FROM Contacts WHERE LastName > 'c0' ORDER BY LastName DESC)"
    accounts = client.query_all(f"SELECT Name, {children} FROM Account ORDER BY Name")["records"]
    contact = client.query("SELECT Account.Name, ReportsTo.Name FROM Contact LIMIT 1")["records"][0]

    assert [row["LastName"] for row in accounts[0]["Contacts"]["records"]] == ["c2", "c1"]
    assert (accounts[0]["Contacts"]["totalSize"], accounts[0]["Contacts"]["done"]) == (2, True)
    assert accounts[1]["Contacts"] is None
    assert (contact["Account"]["Name"], contact["ReportsTo"]) == ("a", None)


def test_deleted_rows_are_in_query_all_only(client: Salesforce) -> None:
    kept, gone = create_all(client, "Account", [{"Name": "kept"}, {"Name": "gone"}])
    client.Account.delete(gone)  # type: ignore[operator]
    soql = "SELECT Id, IsDeleted FROM Account ORDER BY Name"
    live, all_rows = client.query(soql), client.query_all(soql, include_deleted=True)

    assert [row["Id"] for row in live["records"]] == [kept]
    assert [(row["Id"], row["IsDeleted"]) for row in all_rows["records"]] == [(gone, True), (kept, False)]
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        client.Account.get(gone)  # type: ignore[operator]


def test_a_composite_refers_to_its_own_answers(client: Salesforce) -> None:
    contact = {"LastName": "Ann", "AccountId": "@{account.id}"}
    soql = "query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{contact.id}'"
    answers = compose(
        client,
        ("account", "POST", "sobjects/Account", {"Name": "Acme"}),
        ("contact", "POST", "sobjects/Contact", contact),
        ("found", "GET", soql, None),
        all_or_none=True,
    )

    assert [answer["httpStatusCode"] for answer in answers] == [201, 201, 200]
    assert answers[0]["httpHeaders"]["Location"].endswith(answers[0]["body"]["id"])
    assert answers[2]["body"]["records"][0]["Account"]["Name"] == "Acme"


def test_an_all_or_none_composite_leaves_nothing_behind(client: Salesforce) -> None:
    good = ("good", "POST", "sobjects/Account", {"Name": "a"})
    bad = ("bad", "POST", "sobjects/Contact", {"FirstName": "b", "AccountId": "@{good.id}"})
    lost = ("lost", "GET", "sobjects/Contact/@{bad.id}", None)
    rolled_back = compose(client, good, bad, lost, all_or_none=True)
    count = client.query("SELECT COUNT() FROM Account")["totalSize"]
    apart = compose(client, good, bad, lost, all_or_none=False)

    codes = [answer["body"][0]["errorCode"] for answer in rolled_back]
    assert codes == ["PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"]
    assert count == 0
    assert [answer["httpStatusCode"] for answer in apart] == [201, 400, 400]
    assert apart[2]["body"][0]["errorCode"] == "PROCESSING_HALTED"


def test_collections_trees_and_batches_go_through_restful(client: Salesforce) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in ("a", "")]
    both: Any = client.restful(
        "composite/sobjects", method="POST", json={"allOrNone": True, "records": records}
    )
    node = {"attributes": {"type": "Account", "referenceId": "a1"}, "Name": "tree"}
    child = {"attributes": {"type": "Contact", "referenceId": "c1"}, "LastName": "leaf"}
    tree: Any = client.restful(
        "composite/tree/Account",
        method="POST",
        json={"records": [node | {"Contacts": {"records": [child]}}]},
    )
    batch: Any = client.restful(
        "composite/batch", method="POST", json={"batchRequests": [{"method": "GET", "url": "v62.0/limits"}]}
    )

    assert [row["errors"][0]["statusCode"] for row in both] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert [row["referenceId"] for row in tree["results"]] == ["a1", "c1"]
    assert (batch["hasErrors"], batch["results"][0]["statusCode"]) == (False, 200)
    assert client.query("SELECT Name FROM Account")["records"][0]["Name"] == "tree"


def test_get_updated_and_get_deleted_tell_the_ids_of_a_window(client: Salesforce) -> None:
    accounts: Any = client.Account
    kept, gone = create_all(client, "Account", [{"Name": "kept"}, {"Name": "gone"}])
    accounts.delete(gone)
    start, end = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    deleted = accounts.deleted(start, end)

    assert accounts.updated(start, end)["ids"] == [kept]
    assert [row["id"] for row in deleted["deletedRecords"]] == [gone]
    assert deleted["earliestDateAvailable"] <= deleted["latestDateCovered"]
    with pytest.raises(SalesforceMalformedRequest):
        accounts.updated(start - timedelta(days=40), end)


def test_limits_count_each_call(client: Salesforce) -> None:
    first, second = client.limits()["DailyApiRequests"], client.limits()["DailyApiRequests"]

    assert first["Remaining"] - second["Remaining"] == 1
    usage: Any = client.api_usage["api-usage"]
    assert (usage.used, usage.total) == (second["Max"] - second["Remaining"], second["Max"])


def test_a_validation_rule_speaks_with_its_text_and_field(client: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        client.Account.create({"Name": "a", "AnnualRevenue": -1})  # type: ignore[operator]

    content: Any = refused.value.content
    assert content == [
        {
            "message": "Revenue is positive.",
            "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "fields": ["AnnualRevenue"],
        }
    ]


def test_a_duplicate_is_named_and_may_be_saved_all_the_same(client: Salesforce) -> None:
    contacts: Any = client.Contact
    row = {"LastName": "Ann", "Email": "ann@example.com"}
    first = contacts.create(row)["id"]
    with pytest.raises(SalesforceMalformedRequest, match="DUPLICATES_DETECTED") as refused:
        contacts.create(row)

    content: Any = refused.value.content
    (match,) = content[0]["duplicateResult"]["matchResults"]
    assert (content[0]["duplicateResult"]["duplicateRule"], match["size"]) == ("Same_Email", 1)
    assert match["matchRecords"][0]["record"]["Id"] == first
    assert contacts.create(row, headers={"Sforce-Duplicate-Rule-Header": "allowSave=true"})["success"]
