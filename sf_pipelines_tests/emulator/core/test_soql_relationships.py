"""Children, semi-joins and references that hold several kinds of record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.results import QueryResult
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines_tests.emulator.core.helpers import add, names, query_refusal, rows


@pytest.fixture
def org(clock: Clock) -> Iterator[Org]:
    """An org with two accounts; Acme has contacts and visits, Bolt has nothing."""
    org = Org(schema=load_schema(Path(__file__).parent / "schema.yaml"), clock=clock)
    acme = add(org, "Account", Name="Acme", Phone="1", Segments__c="Gold;New")
    add(org, "Account", Name="Bolt", Phone="2", Segments__c="Silver")
    contacts = [add(org, "Contact", LastName=name, AccountId=acme) for name in ("Ann", "Bob", "Cid")]
    add(org, "Contact", LastName="Loner")
    visit = add(org, "Visit__c", Account__c=acme, Subject__c=acme, Note__c="v1")
    add(org, "Visit__c", Account__c=acme, Subject__c=contacts[0], Note__c="v2")
    add(org, "Visit__c", Note__c="v3")
    add(org, "Photo__c", Visit__c=visit)
    yield org
    org.close()


def nested(result: QueryResult) -> list[Any]:
    """The visible values of all rows, results of subqueries unfolded."""
    width = len(result.columns)
    return [
        (*row[:width], *(nested(row[child.index]) for child in result.shape.children))
        for row in result.read_page(0, result.total_size)
    ]


def test_a_subquery_gives_each_record_its_own_children(org: Org) -> None:
    result = org.query("SELECT Name, (SELECT LastName FROM Contacts) FROM Account ORDER BY Name")
    assert nested(result) == [("Acme", [("Ann",), ("Bob",), ("Cid",)]), ("Bolt", [])]


def test_a_subquery_filters_orders_and_cuts_for_each_record(org: Org) -> None:
    inner = "SELECT LastName FROM Contacts WHERE LastName != 'Bob' ORDER BY LastName DESC LIMIT 1"
    assert nested(org.query(f"SELECT ({inner}) FROM Account WHERE Name = 'Acme'")) == [([("Cid",)],)]
    skipping = "SELECT LastName FROM Account.Contacts ORDER BY LastName LIMIT 5 OFFSET 2"
    assert nested(org.query(f"SELECT ({skipping}) FROM Account WHERE Name = 'Acme'")) == [([("Cid",)],)]


def test_subqueries_nest_and_reach_parents(org: Org) -> None:
    soql = (
        "SELECT Name, (SELECT Note__c, Account__r.Name, (SELECT Visit__r.Note__c FROM Photos__r) "
        "FROM Visits__r) FROM Account WHERE Name = 'Acme'"
    )
    assert nested(org.query(soql)) == [("Acme", [("v1", "Acme", [("v1",)]), ("v2", "Acme", [])])]


def test_children_are_nested_to_the_fifth_level_and_no_further(org: Org) -> None:
    def nest(depth: int) -> str:
        return f"SELECT Id, ({nest(depth - 1)}) FROM Copies__r" if depth else "SELECT Id FROM Copies__r"

    assert org.query(f"SELECT Id, ({nest(3)}) FROM Photo__c").total_size == 1
    error = query_refusal(org, f"SELECT Id, ({nest(4)}) FROM Photo__c")
    assert error.code == "MALFORMED_QUERY"
    assert "cannot query aggregate relationships more than 4 levels away" in error.message


def test_deleted_children_are_seen_only_when_asked_for(org: Org) -> None:
    [(ann,)] = rows(org, "SELECT Id FROM Contact WHERE LastName = 'Ann'")
    org.delete("Contact", [ann])
    soql = "SELECT (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'Acme'"
    assert len(nested(org.query(soql))[0][0]) == 2
    assert len(nested(org.query(soql, include_deleted=True))[0][0]) == 3
    assert len(nested(org.query(f"{soql} ALL ROWS"))[0][0]) == 3


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        ("SELECT (SELECT Id FROM Contact) FROM Account", "INVALID_TYPE",
         "Didn't understand relationship 'Contact' in FROM part of query call."),
        ("SELECT (SELECT COUNT(Id) FROM Contacts) FROM Account", "MALFORMED_QUERY",
         "not allowed in a subquery"),
        ("SELECT (SELECT COUNT() FROM Contacts) FROM Account", "MALFORMED_QUERY",
         "not allowed in a subquery"),
        ("SELECT (SELECT Nope FROM Contacts) FROM Account", "INVALID_FIELD", "No such column 'Nope'"),
        ("SELECT (SELECT Id FROM Contacts), (SELECT Name FROM Contacts) FROM Account", "INVALID_FIELD",
         "duplicate field selected: Contacts"),
    ],
)  # fmt: skip
def test_a_wrong_subquery_is_refused(org: Org, soql: str, code: str, message: str) -> None:
    error = query_refusal(org, soql)
    assert error.code == code
    assert message in error.message


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Id IN (SELECT AccountId FROM Contact)", ["Acme"]),
        ("Id NOT IN (SELECT AccountId FROM Contact)", ["Bolt"]),
        ("Id IN (SELECT AccountId FROM Contact WHERE LastName = 'Loner')", []),
        ("Id IN (SELECT AccountId FROM Contact WHERE Account.Name = 'acme') AND Name LIKE 'A%'", ["Acme"]),
        (
            "Id NOT IN (SELECT AccountId FROM Contact) AND Id NOT IN (SELECT Account__c FROM Visit__c)",
            ["Bolt"],
        ),
        ("Id IN (SELECT Subject__c FROM Visit__c)", ["Acme"]),
    ],
)
def test_semi_and_anti_joins_look_at_other_records(org: Org, condition: str, expected: list[str]) -> None:
    assert names(org, condition) == expected


def test_an_anti_join_keeps_records_whose_reference_is_null(org: Org) -> None:
    soql = "SELECT LastName FROM Contact WHERE AccountId NOT IN (SELECT Id FROM Account)"
    assert rows(org, soql) == [("Loner",)]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("Name = 'a' OR Id IN (SELECT AccountId FROM Contact)", "are not allowed with the 'OR' operator"),
        ("NOT Id IN (SELECT AccountId FROM Contact)", "only allowed at the top level WHERE expressions"),
        ("Id IN (SELECT AccountId FROM Contact WHERE ReportsToId IN (SELECT Id FROM Contact))",
         "Nesting of semi join sub-selects is not supported"),
        ("Id IN (SELECT ParentId FROM Account)", "should not be on the same object type"),
        ("Id IN (SELECT LastName FROM Contact)", "should point to the same object type"),
        ("Id IN (SELECT Id FROM Contact)", "should point to the same object type"),
        ("Id IN (SELECT AccountId, Id FROM Contact)", "must select exactly one field"),
        ("Id IN (SELECT COUNT(Id) FROM Contact)", "must select exactly one field"),
        ("Id IN (SELECT AccountId FROM Contact LIMIT 1)", "can have neither GROUP BY, ORDER BY, LIMIT"),
        ("Id IN (SELECT AccountId FROM Contact) AND Id IN (SELECT AccountId FROM Contact) "
         "AND Id IN (SELECT Account__c FROM Visit__c)", "Maximum 2 semi join sub-selects are allowed"),
        ("Name INCLUDES (SELECT AccountId FROM Contact)", "unexpected token: 'SELECT'"),
    ],
)  # fmt: skip
def test_a_semi_join_where_none_may_stand_is_malformed(org: Org, condition: str, message: str) -> None:
    error = query_refusal(org, f"SELECT Id FROM Account WHERE {condition}")
    assert error.code == "MALFORMED_QUERY"
    assert message in error.message


def test_a_polymorphic_reference_has_the_fields_of_name(org: Org) -> None:
    soql = "SELECT Note__c, Subject__r.Name, Subject__r.Type, Subject__r.Phone FROM Visit__c ORDER BY Note__c"
    assert rows(org, soql) == [
        ("v1", "Acme", "Account", "1"),
        ("v2", "Ann", "Contact", None),
        ("v3", None, None, None),
    ]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Subject__r.Type = 'contact'", ["v2"]),
        ("Subject__r.Type IN ('Account', 'Contact')", ["v1", "v2"]),
        ("Subject__r.Name = 'ANN'", ["v2"]),
        ("Subject__r.Type = null", ["v3"]),
        ("Subject__r.Username = null", ["v1", "v2", "v3"]),
    ],
)
def test_a_polymorphic_reference_can_be_filtered(org: Org, condition: str, expected: list[str]) -> None:
    found = rows(org, f"SELECT Note__c FROM Visit__c WHERE {condition} ORDER BY Note__c")
    assert [row[0] for row in found] == expected


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("Subject__r.Rating", "No such column 'Rating' on entity 'Name'"),
        ("Subject__r.Parent.Name", "Didn't understand relationship 'Parent' in field path."),
        ("Account__r.Type2", "No such column 'Type2' on entity 'Account'"),
    ],
)
def test_a_polymorphic_reference_has_no_other_fields(org: Org, path: str, message: str) -> None:
    error = query_refusal(org, f"SELECT {path} FROM Visit__c")
    assert error.code == "INVALID_FIELD"
    assert message in error.message


def test_typeof_marks_each_column_with_its_objects(org: Org) -> None:
    soql = "SELECT TYPEOF Subject__r WHEN Account THEN Rating, Phone ELSE Name END FROM Visit__c"
    assert [(column.label, sorted(column.of_types or ())) for column in org.query(soql).columns] == [
        ("Subject__r.Rating", ["Account"]),
        ("Subject__r.Phone", ["Account"]),
        ("Subject__r.Name", ["Contact"]),
    ]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("TYPEOF Account__r WHEN Account THEN Name END", "can only be used with a polymorphic relationship"),
        ("TYPEOF Subject__r WHEN Lead THEN Name END", "Lead is not a type that 'Subject__r' can hold"),
        ("TYPEOF Subject__r WHEN Account THEN Owner.Name END", "takes fields of the object itself"),
        ("TYPEOF Subject__r END", "unexpected token: 'END'"),
    ],
)
def test_a_wrong_typeof_is_malformed(org: Org, item: str, message: str) -> None:
    error = query_refusal(org, f"SELECT {item} FROM Visit__c")
    assert error.code == "MALFORMED_QUERY"
    assert message in error.message


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Segments__c INCLUDES ('gold')", ["Acme"]),
        ("Segments__c INCLUDES ('Gold;New')", ["Acme"]),
        ("Segments__c INCLUDES ('Gold;Silver', 'Silver')", ["Bolt"]),
        ("Segments__c EXCLUDES ('Gold;Silver')", ["Acme", "Bolt"]),
        ("Segments__c EXCLUDES ('Silver')", ["Acme"]),
        ("Segments__c = 'Gold;New'", ["Acme"]),
    ],
)
def test_several_choices_joined_by_a_semicolon_must_all_be_made(
    org: Org, condition: str, expected: list[str]
) -> None:
    assert names(org, condition) == expected
