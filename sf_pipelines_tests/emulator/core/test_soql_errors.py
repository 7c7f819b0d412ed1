from __future__ import annotations

import pytest

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.org import Org
from sf_pipelines_tests.emulator.core.helpers import add, query_refusal

REFERENCE = "Please reference your WSDL or the describe call for the appropriate names."


def test_an_unknown_field_gets_the_excerpt_with_a_caret(org: Org) -> None:
    error = query_refusal(org, "Select Id, Rating, Industry, Body from Account")
    assert error.code == "INVALID_FIELD"
    assert error.message == (
        "\nSelect Id, Rating, Industry, Body from Account\n" + " " * 29 + "^\nERROR at Row:1:Column:30\n"
        "No such column 'Body' on entity 'Account'. If you are attempting to use a custom field, be sure to "
        f"append the '__c' after the custom field name. {REFERENCE}"
    )


def test_an_unknown_object_is_an_invalid_type(org: Org) -> None:
    error = query_refusal(org, "SELECT Id\nFROM Accout")
    assert error.code == "INVALID_TYPE"
    assert error.message == (
        "\nFROM Accout\n     ^\nERROR at Row:2:Column:6\nsObject type 'Accout' is not supported. If you are "
        f"attempting to use a custom object, be sure to append the '__c' after the entity name. {REFERENCE}"
    )


def test_an_unknown_relationship_is_named(org: Org) -> None:
    error = query_refusal(org, "SELECT AccountId.Name FROM Contact")
    assert error.code == "INVALID_FIELD"
    assert "Didn't understand relationship 'AccountId' in field path." in error.message


@pytest.mark.parametrize(
    ("soql", "message"),
    [
        ("SELEC Id FROM Account", "ERROR at Row:1:Column:1\nunexpected token: 'SELEC'"),
        ("SELECT Id FORM Account", "ERROR at Row:1:Column:16\nunexpected token: 'Account'"),
        ("SELECT Id FROM Account WHERE", "unexpected token: '<EOF>'"),
        ("SELECT FROM Account", "unexpected token: "),
        ("SELECT Id FROM Account WHERE Name IS NULL", "unexpected token: 'IS'"),
        ("SELECT Id FROM Account WHERE Name = 'a' AND Site = 'b' OR Phone = 'c'", "unexpected token: 'OR'"),
        ("SELECT Id FROM Account WHERE Name = foo", "unexpected token: 'foo'"),
        ("SELECT Id FROM Account WHERE Name = 'open", "mismatched character '<EOF>' expecting '''"),
        ("SELECT Id FROM Account WHERE Name = \"x\"", "no viable alternative at character '\"'"),
        ("SELECT Id FROM Account WHERE Name = 'a\\q'", "Illegal character sequence '\\q' in string literal."),
        ("SELECT Id FROM Account LIMIT -1", "unexpected token: '-1'"),
        ("SELECT Id FROM Account WHERE Name = '\\ud83d'", "Half of a surrogate pair"),
        ("SELECT Id FROM Account LIMIT 99999999999999999999", "unexpected token: '99999999999999999999'"),
        ("SELECT Id nick FROM Account", "only aggregate expressions use field aliasing"),
        ("SELECT Id FROM Account ORDER BY Description", "can not be sorted in a query call"),
        ("SELECT FIELDS(ALL) FROM Account", "must have a LIMIT of at most 200"),
        ("SELECT FIELDS(ALL) FROM Account LIMIT 201", "must have a LIMIT of at most 200"),
        ("SELECT FIELDS(SOME) FROM Account LIMIT 1", "FIELDS() takes one of"),
        ("SELECT COUNT(), Id FROM Account", "COUNT() must be the only element"),
        ("SELECT Id FROM Opportunity WHERE CloseDate = 2024-02-31", "Invalid date: 2024-02-31"),
        ("SELECT Parent.Parent.Parent.Parent.Parent.Parent.Name FROM Account",
         "cannot query foreign key relationships more than 5 levels away from the root entity object."),
        ("SELECT Id FROM Account WITH NOTHING", "unexpected token: 'NOTHING'"),
        ("SELECT Id FROM Account USING SCOPE nobody", "'nobody' is not a scope of USING SCOPE"),
        ("SELECT Id FROM Account WHERE Name = 'a' HAVING COUNT(Id) > 1", "unexpected token: 'HAVING'"),
        ("SELECT NOW(CreatedDate) FROM Account", "The function NOW() is not supported by this org"),
        ("SELECT Id FROM Account WHERE DISTANCE(Place__c, GEOLOCATION(37.7, -122.4), 'mi') < 20",
         "The function DISTANCE() is not supported by this org"),
        ("SELECT Id FROM Account WHERE Name = '" + "x" * 4_001 + "'", "longer than 4000 characters"),
        ("SELECT Id FROM Account WHERE Name = '" + "x" * 100_000 + "'",
         "cannot be longer than 100000 characters"),
    ],
)  # fmt: skip
def test_a_query_that_can_not_be_answered_is_malformed(org: Org, soql: str, message: str) -> None:
    error = query_refusal(org, soql)
    assert error.code == "MALFORMED_QUERY"
    assert message in error.message


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (
            "NumberOfEmployees = '5'",
            "'NumberOfEmployees' must be of type int and should not be enclosed in quotes",
        ),
        (
            "NumberOfEmployees = 5.5",
            "'NumberOfEmployees' must be of type int and should not be enclosed in quotes",
        ),
        (
            "AnnualRevenue = '5'",
            "'AnnualRevenue' must be of type double and should not be enclosed in quotes",
        ),
        (
            "CreatedDate > '2024-01-01'",
            "'CreatedDate' must be of type dateTime and should not be enclosed in quotes",
        ),
        (
            "CreatedDate > 2024-01-01",
            "'CreatedDate' must be of type dateTime and should not be enclosed in quotes",
        ),
        ("LastActivityDate = 2024-01-01T00:00:00Z", "'LastActivityDate' must be of type date and should not"),
        ("IsDeleted = 'true'", "'IsDeleted' must be of type boolean and should not be enclosed in quotes"),
        ("Name = 5", "'Name' must be of type string and should be enclosed in quotes"),
        ("Name = TODAY", "'Name' must be of type string and should be enclosed in quotes"),
        ("Name LIKE 5", "'Name' must be of type string and should be enclosed in quotes"),
        ("OwnerId = 5", "'OwnerId' must be of type string and should be enclosed in quotes"),
    ],
)
def test_a_literal_of_another_type_is_refused(org: Org, condition: str, message: str) -> None:
    error = query_refusal(org, f"SELECT Id FROM Account WHERE {condition}")
    assert error.code == "INVALID_FIELD"
    assert f"value of filter criterion for field {message}" in error.message


@pytest.mark.parametrize(
    ("condition", "code", "message"),
    [
        ("Description = 'x'", "INVALID_FIELD", "field 'Description' can not be filtered in a query call"),
        (
            "BillingAddress = 'x'",
            "INVALID_FIELD",
            "field 'BillingAddress' can not be filtered in a query call",
        ),
        ("Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on id field"),
        ("IsDeleted > false", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on boolean field"),
        ("Industry INCLUDES ('x')", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on picklist field"),
    ],
)
def test_a_field_that_can_not_be_filtered_so_is_refused(
    org: Org, condition: str, code: str, message: str
) -> None:
    error = query_refusal(org, f"SELECT Id FROM Account WHERE {condition}")
    assert (error.code, error.message.rsplit("\n", 1)[1]) == (code, message)


def test_a_nest_without_end_is_too_complicated(org: Org) -> None:
    nest = "(Name = 'a' OR NOT " * 4000 + "Name = 'b'" + ")" * 4000
    assert query_refusal(org, f"SELECT Id FROM Account WHERE {nest}").code == "QUERY_TOO_COMPLICATED"


def test_a_page_that_the_database_can_not_read_is_too_complicated(org: Org) -> None:
    columns = ", ".join(f"FORMAT(Name) a{number}" for number in range(2001))
    add(org, "Account", Name="a")
    result = org.query(f"SELECT {columns} FROM Account")
    with pytest.raises(SalesforceError) as caught:
        result.read_page(0, 1)
    assert caught.value.code == "QUERY_TOO_COMPLICATED"


def test_the_parents_of_a_query_are_limited(org: Org) -> None:
    users = ("Manager", "CreatedBy", "LastModifiedBy")
    heads = ("Owner", "CreatedBy", "LastModifiedBy")
    paths = [f"{a}.CreatedBy.{b}.{c}.Name" for a in heads for b in users for c in users]
    more = [f"Parent.{path}" for path in paths]
    assert "at most 55" in query_refusal(org, f"SELECT {', '.join(paths + more)} FROM Account").message


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id FROM Account OFFSET 2001",
        "SELECT COUNT() FROM Account OFFSET 2001",
        "SELECT (SELECT Id FROM Contacts OFFSET 2001) FROM Account",
    ],
)
def test_an_offset_beyond_2000_is_out_of_range(org: Org, soql: str) -> None:
    error = query_refusal(org, soql)
    assert (error.code, error.message) == (
        "NUMBER_OUTSIDE_VALID_RANGE",
        "Maximum SOQL offset allowed is 2000",
    )


def test_a_field_selected_twice_is_refused(org: Org) -> None:
    assert (
        query_refusal(org, "SELECT Id, Name, NAME FROM Account").message == "duplicate field selected: Name"
    )


@pytest.mark.parametrize(
    ("soql", "message"),
    [
        ("SELECT COUNT() FROM Account", "Implementation restriction: "),
        ("SELECT Industry FROM Account GROUP BY Industry", "Implementation restriction: GROUP BY"),
        ("SELECT MAX(Name) FROM Account", "Implementation restriction: "),
        ("SELECT FORMAT(MAX(Name)) FROM Account", "Implementation restriction: "),
        (
            "SELECT CALENDAR_YEAR(CreatedDate) FROM Account GROUP BY CALENDAR_YEAR(CreatedDate)",
            "Implementation restriction: GROUP BY",
        ),
        ("SELECT Id FROM Account OFFSET 5", "Implementation restriction: OFFSET"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "Implementation restriction: Parent-to-child"),
        ("SELECT TYPEOF Owner WHEN User THEN Name END FROM Account", "Implementation restriction: TYPEOF"),
        ("SELECT Id, BillingAddress FROM Account", "Selecting compound data not supported in Bulk Query"),
        ("SELECT FIELDS(STANDARD) FROM Account", "Selecting compound data not supported in Bulk Query"),
    ],
)
def test_bulk_refuses_what_it_does_not_carry(org: Org, soql: str, message: str) -> None:
    error = query_refusal(org, soql, bulk=True)
    assert (error.code, error.status) == ("API_ERROR", 400)
    assert error.message.startswith(message)


def test_bulk_takes_parent_fields_order_and_limit(org: Org) -> None:
    assert org.query("SELECT Id, Owner.Name FROM Account ORDER BY Name LIMIT 5", bulk=True).total_size == 0
