from __future__ import annotations

from datetime import timedelta

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.http.query import CHILD_ROWS_OF_A_PAGE
from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of


def fill(caller: Caller, count: int) -> None:
    org = caller.surface.org
    assert all(row.success for row in org.create("Account", [{"Name": f"a{n}"} for n in range(count)]))


def test_records_nest_their_parents_with_attributes(caller: Caller) -> None:
    caller.patch("/sobjects/Account/External_Id__c/e-1", {"Name": "Acme"})
    caller.create("Contact", LastName="Ann", Account={"External_Id__c": "e-1"})
    caller.create("Contact", LastName="Bob")

    body = caller.query("SELECT LastName, Account.Name, Account.Owner.Name FROM Contact ORDER BY LastName")

    assert_golden("query_page.json", body)


def test_pages_follow_one_another_without_gap_or_overlap(caller: Caller) -> None:
    fill(caller, 450)
    options = {"headers": {"Sforce-Query-Options": "batchSize=200"}}

    page = caller.query("SELECT Name FROM Account ORDER BY Id", **options)
    names, sizes = [], []
    while True:
        sizes.append(len(page["records"]))
        names += [record["Name"] for record in page["records"]]
        if page["done"]:
            break
        page = caller.get(caller.url + page["nextRecordsUrl"], **options).json()

    assert names == [f"a{n}" for n in range(450)]
    assert sizes == [200, 200, 50]
    assert "nextRecordsUrl" not in page
    assert page["totalSize"] == 450


def test_a_cursor_keeps_its_rows_while_others_are_added(caller: Caller) -> None:
    fill(caller, 300)
    options = {"headers": {"Sforce-Query-Options": "batchSize=200"}}
    page = caller.query("SELECT Name FROM Account ORDER BY Name DESC", **options)

    fill(caller, 50)

    assert len(caller.get(caller.url + page["nextRecordsUrl"], **options).json()["records"]) == 100


@pytest.mark.parametrize(("wish", "rows"), [("1", 200), ("500", 500), ("9999", 600), ("x", 600)])
def test_a_batch_size_is_held_between_200_and_2000(caller: Caller, wish: str, rows: int) -> None:
    fill(caller, 600)
    page = caller.query("SELECT Id FROM Account", headers={"Sforce-Query-Options": f"batchSize={wish}"})

    assert len(page["records"]) == rows


def test_a_cursor_lives_two_days(caller: Caller, clock: Clock) -> None:
    fill(caller, 201)
    options = {"headers": {"Sforce-Query-Options": "batchSize=200"}}
    url = caller.url + caller.query("SELECT Id FROM Account", **options)["nextRecordsUrl"]

    clock.advance(timedelta(days=2).total_seconds())
    caller.http.headers["Authorization"] = f"Bearer {caller.surface.oauth.open_session().token}"

    assert error_of(caller.get(url)) == (400, "INVALID_QUERY_LOCATOR", "invalid query locator")


@pytest.mark.parametrize("locator", ["01gxx0000000001AAA-2000", "nonsense", "-", "01gxx-x"])
def test_a_locator_that_was_never_given_is_refused(caller: Caller, locator: str) -> None:
    assert error_of(caller.get(f"/query/{locator}"))[:2] == (400, "INVALID_QUERY_LOCATOR")


def test_a_count_is_the_total_size_without_records(caller: Caller) -> None:
    fill(caller, 3)

    expected = {"totalSize": 3, "done": True, "records": []}
    assert caller.query("SELECT COUNT() FROM Account") == expected


def test_only_query_all_sees_deleted_rows(caller: Caller) -> None:
    caller.delete(f"/sobjects/Account/{caller.create('Account', Name='gone')}")
    soql = {"q": "SELECT Name, IsDeleted FROM Account"}

    assert caller.get("/query", params=soql).json()["totalSize"] == 0
    (record,) = caller.get("/queryAll", params=soql).json()["records"]
    assert record["IsDeleted"] is True


def with_contacts(caller: Caller, count: int, account: str) -> str:
    """An account of that name with contacts c0, c1, ...; its id."""
    org = caller.surface.org
    id_ = caller.create("Account", Name=account)
    contacts = [{"LastName": f"c{n}", "AccountId": id_} for n in range(count)]
    assert all(row.success for row in org.create("Contact", contacts))
    return id_


def test_aggregates_are_aggregate_results(caller: Caller) -> None:
    with_contacts(caller, 2, "Acme")
    with_contacts(caller, 1, "Bolt")

    body = caller.query(
        "SELECT Account.Name, COUNT(Id), MAX(LastName) last, MIN(CreatedDate) FROM Contact "
        "GROUP BY Account.Name ORDER BY COUNT(Id)"
    )

    assert_golden("query_aggregate.json", body)


def test_children_stand_in_their_records_as_pages(caller: Caller) -> None:
    with_contacts(caller, 2, "Acme")
    caller.create("Account", Name="Bolt")

    body = caller.query(
        "SELECT Name, (SELECT LastName, Account.Name FROM Contacts ORDER BY LastName), Site FROM Account "
        "ORDER BY Name"
    )

    assert_golden("query_children.json", body)


def test_a_record_of_many_kinds_says_which_it_is(caller: Caller) -> None:
    caller.create("Lead", LastName="Ann", Company="Acme")

    soql = "SELECT Owner.Name, Owner.Type FROM Lead"
    (record,) = caller.query(soql)["records"]
    (typed,) = caller.query("SELECT TYPEOF Owner WHEN User THEN Username ELSE Name END FROM Lead")["records"]

    attributes = record["Owner"]["attributes"]
    assert attributes["type"] == record["Owner"]["Type"] == "User"
    assert typed["Owner"] == {"attributes": attributes, "Username": "integration@emulator.example"}


def test_more_children_than_a_page_have_a_cursor_of_their_own(caller: Caller) -> None:
    with_contacts(caller, 450, "Acme")
    options = {"headers": {"Sforce-Query-Options": "batchSize=200"}}

    (record,) = caller.query("SELECT (SELECT LastName FROM Contacts) FROM Account", **options)["records"]
    page, names = record["Contacts"], []
    while True:
        names += [child["LastName"] for child in page["records"]]
        if page["done"]:
            break
        page = caller.get(caller.url + page["nextRecordsUrl"], **options).json()

    assert names == [f"c{n}" for n in range(450)]
    assert page["totalSize"] == 450


def test_children_shrink_a_page_but_none_is_lost(caller: Caller) -> None:
    for n in range(3):
        with_contacts(caller, CHILD_ROWS_OF_A_PAGE // 2, f"a{n}")

    first = caller.query("SELECT Name, (SELECT Id FROM Contacts) FROM Account ORDER BY Name")
    second = caller.get(caller.url + first["nextRecordsUrl"]).json()

    assert [record["Name"] for record in first["records"]] == ["a0", "a1"]
    assert [record["Name"] for record in second["records"]] == ["a2"]
    assert (first["done"], second["done"], second["totalSize"]) == (False, True, 3)


def test_a_shrunk_page_after_a_row_that_is_gone_repeats_none(caller: Caller) -> None:
    ids = [with_contacts(caller, CHILD_ROWS_OF_A_PAGE // 2, f"a{n}") for n in range(6)]
    page = caller.query("SELECT Name, (SELECT Id FROM Contacts) FROM Account ORDER BY Name")
    caller.surface.org.delete("Account", [ids[2]], hard=True)

    names = [record["Name"] for record in page["records"]]
    while not page["done"]:
        page = caller.get(caller.url + page["nextRecordsUrl"]).json()
        names += [record["Name"] for record in page["records"]]

    assert names == ["a0", "a1", "a3", "a4", "a5"]


def test_groups_are_never_paged(caller: Caller) -> None:
    fill(caller, 300)
    soql = "SELECT Name, COUNT(Id) FROM Account GROUP BY Name"

    page = caller.query(soql, headers={"Sforce-Query-Options": "batchSize=200"})

    assert (page["done"], len(page["records"])) == (True, 300)


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("", "MALFORMED_QUERY"),
        ("SELECT", "MALFORMED_QUERY"),
        ("SELECT Id FROM Accout", "INVALID_TYPE"),
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
    ],
)
def test_a_wrong_query_gets_its_own_code(caller: Caller, soql: str, code: str) -> None:
    assert error_of(caller.get("/query", params={"q": soql}))[:2] == (400, code)
