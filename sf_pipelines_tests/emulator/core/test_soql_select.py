from __future__ import annotations

import json

import pytest

from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import add, rows


@pytest.fixture
def tree(org: Org) -> Org:
    top = add(org, "Account", Name="Top", Rating="Hot", BillingCity="Rome")
    middle = add(org, "Account", Name="Middle", ParentId=top)
    add(org, "Account", Name="Leaf", ParentId=middle, Rating="Cold")
    return org


def test_columns_are_spelled_as_in_the_schema_in_select_order(tree: Org) -> None:
    result = tree.query(
        "select name, parent.parent.NAME, owner.username, id from account a where a.name = 'leaf'"
    )
    assert [column.label for column in result.columns] == [
        "Name",
        "Parent.Parent.Name",
        "Owner.Username",
        "Id",
    ]
    [(name, top, username, _)] = result.rows
    assert (name, top, username) == ("Leaf", "Top", "integration@emulator.example")


def test_an_object_name_or_alias_may_stand_before_a_field(tree: Org) -> None:
    assert rows(tree, "SELECT Account.Name FROM Account WHERE Account.Rating = 'Hot'") == [("Top",)]
    assert rows(tree, "SELECT a.Parent.Name FROM Account AS a WHERE a.Rating = 'Cold'") == [("Middle",)]


def test_hidden_ids_tell_the_record_and_its_parents(tree: Org) -> None:
    result = tree.query("SELECT Name, Parent.Name FROM Account")
    page = result.read_page(0, 10)
    own, parent = result.id_index[()], result.id_index["Parent",]
    assert [row[parent] for row in page] == [None, page[0][own], page[1][own]]
    assert next(result.rows) == ("Top", None)
    assert tree.query("SELECT Name FROM Account", bulk=True).id_index == {}


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("Name", ["Leaf", "Middle", "Top"]),
        ("Name DESC", ["Top", "Middle", "Leaf"]),
        ("Rating", ["Middle", "Leaf", "Top"]),
        ("Rating DESC", ["Middle", "Top", "Leaf"]),
        ("Rating NULLS LAST", ["Leaf", "Top", "Middle"]),
        ("Rating DESC NULLS LAST, Name", ["Top", "Leaf", "Middle"]),
        ("Parent.Name DESC NULLS LAST", ["Middle", "Leaf", "Top"]),
        ("IsDeleted, Name ASC NULLS FIRST", ["Leaf", "Middle", "Top"]),
    ],
)
def test_rows_come_in_the_order_asked_for(tree: Org, order: str, expected: list[str]) -> None:
    assert [row[0] for row in rows(tree, f"SELECT Name FROM Account ORDER BY {order}")] == expected


def test_limit_and_offset_cut_the_rows(tree: Org) -> None:
    assert rows(tree, "SELECT Name FROM Account ORDER BY Name LIMIT 1 OFFSET 1") == [("Middle",)]
    assert tree.query("SELECT Name FROM Account LIMIT 2").total_size == 2
    assert rows(tree, "SELECT Name FROM Account LIMIT 0") == []


def test_count_gives_its_number_as_the_total_size(tree: Org) -> None:
    result = tree.query("SELECT count() FROM Account WHERE Rating != null")
    assert (result.is_count, result.total_size, list(result.rows)) == (True, 2, [])


def test_an_address_is_selected_as_json_of_its_parts(tree: Org) -> None:
    [(address,)] = rows(tree, "SELECT BillingAddress FROM Account WHERE Name = 'Top'")
    assert json.loads(address)["city"] == "Rome"
    assert rows(tree, "SELECT BillingAddress FROM Account WHERE Name = 'Leaf'") == [(None,)]


def test_fields_stands_for_a_set_of_fields(tree: Org) -> None:
    everything = [f.name for f in tree.schema.object("Account").fields]
    chosen = {which: [c.label for c in tree.query(f"SELECT FIELDS({which}) FROM Account LIMIT 200").columns]
              for which in ("ALL", "STANDARD", "custom")}  # fmt: skip
    assert chosen["ALL"] == everything
    assert chosen["STANDARD"] + chosen["custom"] == everything
    assert all(name.endswith("__c") for name in chosen["custom"])
    assert (
        len(tree.query("SELECT Id, FIELDS(CUSTOM), Name FROM Account LIMIT 1").columns)
        == len(chosen["custom"]) + 2
    )


@pytest.mark.parametrize(
    "tail", ["FOR VIEW", "FOR REFERENCE", "FOR VIEW FOR REFERENCE", "WITH SECURITY_ENFORCED"]
)
def test_clauses_without_an_effect_here_are_taken(tree: Org, tail: str) -> None:
    assert len(rows(tree, f"SELECT Id FROM Account {tail}")) == 3


def test_a_name_that_is_a_keyword_elsewhere_is_read_as_a_name(tree: Org) -> None:
    assert len(rows(tree, "SELECT first.Id FROM Account first")) == 3
