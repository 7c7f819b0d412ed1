from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.org import Org
from sf_pipelines.emulator.schema.loader import load_schema
from sf_pipelines_tests.emulator.core.helpers import add, names, rows


@pytest.fixture
def people(org: Org) -> Org:
    records = [
        {
            "Name": "Alpha",
            "Site": "north",
            "NumberOfEmployees": 10,
            "AnnualRevenue": 1.0,
            "Industry": "Banking",
        },
        {"Name": "Beta", "Site": "North_1", "NumberOfEmployees": 20, "Industry": "Energy"},
        {"Name": "Gamma", "NumberOfEmployees": 30, "AnnualRevenue": 2e9, "External_Id__c": "X-1"},
        {"Name": "Ökonom", "Site": "50% off"},
    ]
    assert all(result.success for result in org.create("Account", records))
    return org


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Name = 'ALPHA'", ["Alpha"]),
        ("Name = 'ökonom'", ["Ökonom"]),
        ("External_Id__c = 'x-1'", ["Gamma"]),
        ("Site = null", ["Gamma"]),
        ("Site = ''", ["Gamma"]),
        ("Site != null", ["Alpha", "Beta", "Ökonom"]),
        ("Site != 'north'", ["Beta", "Gamma", "Ökonom"]),
        ("Site <> 'north'", ["Beta", "Gamma", "Ökonom"]),
        ("NumberOfEmployees > 10", ["Beta", "Gamma"]),
        ("NumberOfEmployees >= 10 AND NumberOfEmployees < 30", ["Alpha", "Beta"]),
        ("NumberOfEmployees <= 10.0", ["Alpha"]),
        ("AnnualRevenue > 1.5E8", ["Gamma"]),
        ("Name < 'b'", ["Alpha"]),
        ("Name LIKE 'a%'", ["Alpha"]),
        ("Name LIKE '%MA'", ["Gamma"]),
        ("Name LIKE 'ÖKO%'", ["Ökonom"]),
        ("Name LIKE '_eta'", ["Beta"]),
        (r"Site LIKE 'north\_1'", ["Beta"]),
        ("Site LIKE 'north__'", ["Beta"]),
        (r"Site LIKE '%\% off'", ["Ökonom"]),
        ("NOT Name LIKE 'a%'", ["Beta", "Gamma", "Ökonom"]),
        ("NOT Site LIKE 'north%'", ["Gamma", "Ökonom"]),
        ("Industry IN ('banking', 'Energy')", ["Alpha", "Beta"]),
        ("Industry IN ('Banking', null)", ["Alpha", "Gamma", "Ökonom"]),
        ("Industry NOT IN ('Banking')", ["Beta", "Gamma", "Ökonom"]),
        ("Industry NOT IN ('Banking', null)", ["Beta"]),
        ("NumberOfEmployees IN (10, 30)", ["Alpha", "Gamma"]),
        ("(Name = 'Alpha' OR Name = 'Beta') AND NumberOfEmployees = 20", ["Beta"]),
        ("NOT (Name = 'Alpha' OR NumberOfEmployees = 20)", ["Gamma", "Ökonom"]),
        ("IsDeleted = false", ["Alpha", "Beta", "Gamma", "Ökonom"]),
        ("IsDeleted != FALSE", []),
        ("Owner.Username = 'INTEGRATION@emulator.example' AND Name = 'Beta'", ["Beta"]),
        ("Account.Owner.Name LIKE 'integration%' AND Name = 'Beta'", ["Beta"]),
        ("Parent.Name = null", ["Alpha", "Beta", "Gamma", "Ökonom"]),
        ("Id = null", []),
    ],
)
def test_a_condition_keeps_what_salesforce_keeps(people: Org, condition: str, expected: list[str]) -> None:
    assert names(people, condition) == expected


def test_ids_compare_in_both_lengths(people: Org) -> None:
    ids = [row[0] for row in rows(people, "SELECT Id FROM Account")]
    assert names(people, f"Id = '{ids[0][:15]}'") == ["Alpha"]
    assert names(people, f"Id IN ('{ids[0]}', '{ids[1][:15]}')") == ["Alpha", "Beta"]
    assert names(people, f"Id > '{ids[1]}'") == ["Gamma", "Ökonom"]


def test_datetimes_compare_with_an_offset(people: Org) -> None:
    assert len(names(people, "CreatedDate = 2026-03-18T11:30:15.123+01:00")) == 4
    assert names(people, "CreatedDate > 2026-03-18T10:30:15.123Z") == []


def test_a_long_chain_of_conditions_is_answered(people: Org) -> None:
    chain = " OR ".join(f"NumberOfEmployees = {number}" for number in range(9, 2500))
    assert names(people, chain) == ["Alpha", "Beta", "Gamma"]


def test_thousands_of_values_fit_into_one_list(people: Org) -> None:
    values = ", ".join(f"'v{number}'" for number in range(9000))
    assert names(people, f"Name IN ({values}, 'Alpha')") == ["Alpha"]


ESCAPES = {
    "\\": "\\\\",
    "'": "\\'",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
    '"': '\\"',
}


@pytest.fixture(scope="module")
def shared_org() -> Org:
    return Org(schema=load_schema(), clock=Clock(frozen=True))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
)
def test_any_text_is_found_again_by_its_escaped_literal(shared_org: Org, text: str) -> None:
    name = "<" + text + ">"
    id_ = add(shared_org, "Account", Name=name)
    literal = "".join(ESCAPES.get(char, char) for char in name)
    pattern = "".join("\\" + char if char in "%_" else ESCAPES.get(char, char) for char in name)
    assert (id_,) in rows(shared_org, f"SELECT Id FROM Account WHERE Name = '{literal}'")
    assert (id_,) in rows(shared_org, f"SELECT Id FROM Account WHERE Name LIKE '{pattern}'")
    shared_org.delete("Account", [id_], hard=True)


@pytest.mark.parametrize(
    ("escape", "char"), [("\\u00e9", "é"), ("\\ud83d\\ude00", "😀"), ("\\N", "\n"), ('\\"', '"')]
)
def test_escapes_stand_for_their_character(org: Org, escape: str, char: str) -> None:
    add(org, "Account", Name=f"a{char}b")
    assert names(org, f"Name = 'a{escape}b'") == [f"a{char}b"]
