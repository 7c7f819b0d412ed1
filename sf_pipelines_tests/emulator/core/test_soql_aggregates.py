from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import add, query_refusal, rows


@pytest.fixture
def firms(org: Org) -> Org:
    records: list[dict[str, Any]] = [
        {"Name": "A", "Industry": "Banking", "NumberOfEmployees": 10, "AnnualRevenue": 100.0},
        {"Name": "B", "Industry": "Banking", "NumberOfEmployees": 20},
        {"Name": "C", "Industry": "Energy", "NumberOfEmployees": 5, "AnnualRevenue": 50.0},
        {"Name": "D", "Rating": "Hot"},
    ]
    assert all(result.success for result in org.create("Account", records))
    return org


def labels(org: Org, soql: str) -> list[str]:
    return [column.label for column in org.query(soql).columns]


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [
        ("COUNT(Id)", 4),
        ("COUNT(Industry)", 3),
        ("COUNT_DISTINCT(Industry)", 2),
        ("SUM(NumberOfEmployees)", 35),
        ("AVG(AnnualRevenue)", 75.0),
        ("MIN(Name)", "A"),
        ("max(NumberOfEmployees)", 20),
        ("FORMAT(MAX(NumberOfEmployees))", "20"),
    ],
)
def test_an_aggregate_is_over_all_rows_without_groups(firms: Org, aggregate: str, expected: Any) -> None:
    assert rows(firms, f"SELECT {aggregate} FROM Account") == [(expected,)]


def test_an_aggregate_over_no_rows_has_one_row(firms: Org) -> None:
    soql = "SELECT COUNT(Id), SUM(NumberOfEmployees) FROM Account WHERE Name = 'Z'"
    assert rows(firms, soql) == [(0, None)]
    assert rows(firms, "SELECT Industry, COUNT(Id) FROM Account WHERE Name = 'Z' GROUP BY Industry") == []


@pytest.mark.parametrize(
    ("soql", "expected"),
    [
        ("SELECT Industry, COUNT(Id) FROM Account GROUP BY Industry",
         [(None, 1), ("Banking", 2), ("Energy", 1)]),
        ("SELECT Industry FROM Account GROUP BY Industry ORDER BY Industry DESC NULLS LAST",
         [("Energy",), ("Banking",), (None,)]),
        ("SELECT Industry, COUNT(Id) n FROM Account GROUP BY Industry ORDER BY n DESC, Industry",
         [("Banking", 2), (None, 1), ("Energy", 1)]),
        ("SELECT Industry, SUM(AnnualRevenue) FROM Account GROUP BY Industry ORDER BY SUM(AnnualRevenue)",
         [(None, None), ("Energy", 50.0), ("Banking", 100.0)]),
        ("SELECT Industry FROM Account GROUP BY Industry HAVING COUNT(Id) > 1", [("Banking",)]),
        ("SELECT Industry FROM Account GROUP BY Industry HAVING Industry LIKE 'e%'", [("Energy",)]),
        ("SELECT Industry FROM Account GROUP BY Industry HAVING COUNT(Id) = 1 AND NOT MAX(Name) = 'D'",
         [("Energy",)]),
        ("SELECT Industry, COUNT(Id) FROM Account WHERE Name != 'A' GROUP BY Industry HAVING COUNT(Id) = 1 "
         "ORDER BY Industry LIMIT 1 OFFSET 1", [("Banking", 1)]),
        ("SELECT toLabel(Industry) FROM Account GROUP BY Industry HAVING MIN(Owner.Name) LIKE 'integration%' "
         "AND Industry != null", [("Banking",), ("Energy",)]),
        ("SELECT Industry i, Rating, COUNT(Id) FROM Account GROUP BY Industry, Rating",
         [(None, "Hot", 1), ("Banking", None, 2), ("Energy", None, 1)]),
    ],
)  # fmt: skip
def test_groups_are_made_kept_ordered_and_cut(firms: Org, soql: str, expected: list[tuple[Any, ...]]) -> None:
    assert rows(firms, soql) == expected


def test_text_that_differs_in_case_alone_is_one_group(org: Org) -> None:
    for site in ("North", "NORTH", "south"):
        add(org, "Account", Name="x", Site=site)
    assert [row[1] for row in rows(org, "SELECT Site, COUNT(Id) FROM Account GROUP BY Site")] == [2, 1]


def test_rollup_adds_subtotals_and_the_total(firms: Org) -> None:
    soql = (
        "SELECT Industry, Rating, COUNT(Id), GROUPING(Industry) gi, GROUPING(Rating) gr FROM Account "
        "WHERE Industry != null GROUP BY ROLLUP(Industry, Rating) ORDER BY GROUPING(Industry), Industry"
    )
    assert rows(firms, soql) == [
        ("Banking", None, 2, 0, 0),
        ("Banking", None, 2, 0, 1),
        ("Energy", None, 1, 0, 0),
        ("Energy", None, 1, 0, 1),
        (None, None, 3, 1, 1),
    ]


def test_cube_adds_every_combination(firms: Org) -> None:
    soql = "SELECT Industry, Rating, COUNT(Id) FROM Account GROUP BY CUBE(Industry, Rating)"
    grouped = "SELECT {}, COUNT(Id) FROM Account GROUP BY {}"
    sizes = [len(rows(firms, grouped.format(by, by))) for by in ("Industry, Rating", "Industry", "Rating")]
    assert len(rows(firms, soql)) == sum(sizes) + 1


def test_no_rows_roll_up_to_no_rows(firms: Org) -> None:
    assert rows(firms, "SELECT Name FROM Account WHERE Name = 'Z' GROUP BY ROLLUP(Name)") == []


def test_columns_are_named_by_alias_field_or_number(firms: Org) -> None:
    soql = (
        "SELECT Industry, MAX(Name), COUNT(Id) total, CALENDAR_YEAR(CreatedDate), MIN(Name) FROM Account "
        "GROUP BY Industry, CALENDAR_YEAR(CreatedDate)"
    )
    assert labels(firms, soql) == ["Industry", "expr0", "total", "expr1", "expr2"]


def test_a_parents_field_groups_and_is_named_by_its_last_part(firms: Org) -> None:
    account = rows(firms, "SELECT Id FROM Account WHERE Name = 'A'")[0][0]
    add(firms, "Contact", LastName="x", AccountId=account)
    soql = "SELECT Account.Name, COUNT(Id) FROM Contact GROUP BY Account.Name"
    assert (labels(firms, soql), rows(firms, soql)) == (["Name", "expr0"], [("A", 1)])


@pytest.mark.parametrize(
    ("soql", "message"),
    [
        ("SELECT Name, COUNT(Id) FROM Account", "Field must be grouped or aggregated: Name"),
        ("SELECT Name FROM Account GROUP BY Industry", "Field must be grouped or aggregated: Name"),
        ("SELECT COUNT(Id) FROM Account ORDER BY Name", "Ordered field must be grouped or aggregated: Name"),
        ("SELECT Industry FROM Account GROUP BY Industry HAVING Name = 'a'",
         "Field must be grouped or aggregated: Name"),
        ("SELECT CALENDAR_YEAR(CreatedDate) FROM Account",
         "Field must be grouped or aggregated: CALENDAR_YEAR(CreatedDate)"),
        ("SELECT Industry, COUNT(Industry) FROM Account GROUP BY Industry",
         "Grouped field should not be aggregated: Industry"),
        ("SELECT SUM(Name) FROM Account", "field Name does not support aggregate operator SUM"),
        ("SELECT MAX(IsDeleted) FROM Account", "field IsDeleted does not support aggregate operator MAX"),
        ("SELECT COUNT(Description) FROM Account",
         "field Description does not support aggregate operator COUNT"),
        ("SELECT Description FROM Account GROUP BY Description",
         "field 'Description' can not be grouped in a query call"),
        ("SELECT COUNT(Id) n, MAX(Name) N FROM Account", "duplicate alias: N"),
        ("SELECT COUNT(), COUNT(Id) FROM Account", "COUNT() must be the only element of the SELECT list"),
        ("SELECT COUNT(Id) FROM Account LIMIT 1",
         "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"),
        ("SELECT MAX(MIN(Name)) FROM Account", "MAX() takes one field here"),
        ("SELECT Id FROM Account WHERE COUNT(Id) > 1", "The aggregate function COUNT() is not allowed here"),
        ("SELECT GROUPING(Name) FROM Account GROUP BY Name", "GROUPING() takes a field of GROUP BY ROLLUP"),
        ("SELECT Name FROM Account GROUP BY ROLLUP(Name), Industry", "ROLLUP takes one to 3 fields"),
        ("SELECT COUNT(Id), (SELECT Id FROM Contacts) FROM Account", "can't stand beside aggregates"),
        ("SELECT COUNT(Id) FROM Account GROUP BY Name HAVING Id IN (SELECT AccountId FROM Contact)",
         "Field must be grouped or aggregated: Id"),
    ],
)  # fmt: skip
def test_a_wrong_aggregate_is_malformed(firms: Org, soql: str, message: str) -> None:
    error = query_refusal(firms, soql)
    assert error.code == "MALFORMED_QUERY"
    assert message in error.message


def test_more_groups_than_one_batch_are_refused(org: Org) -> None:
    org.create("Account", [{"Name": f"n{number}"} for number in range(2001)])
    error = query_refusal(org, "SELECT Name, COUNT(Id) FROM Account GROUP BY Name")
    assert (error.code, error.message) == (
        "EXCEEDED_ID_LIMIT",
        "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
    )
    limited = rows(org, "SELECT Name, COUNT(Id) FROM Account GROUP BY Name LIMIT 2000")
    assert len(limited) == 2000
