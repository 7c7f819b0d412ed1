from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of

PATH = "/composite/tree/Account"


def node(kind: str, reference: str, **fields: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind, "referenceId": reference}, **fields}


def below(*records: dict[str, Any]) -> dict[str, Any]:
    return {"records": list(records)}


def count(caller: Caller, sobject: str = "Account") -> int:
    return caller.query(f"SELECT COUNT() FROM {sobject}")["totalSize"]


def test_children_are_created_below_their_parents(caller: Caller) -> None:
    contacts = below(node("Contact", "c1", LastName="Ann"), node("Contact", "c2", LastName="Bob"))
    records = [node("Account", "a1", Name="a", Contacts=contacts), node("Account", "a2", Name="b")]

    response = caller.post(PATH, {"records": records})

    assert response.status_code == 201
    assert_golden("tree_created.json", response.json())
    rows = caller.query("SELECT LastName, Account.Name FROM Contact ORDER BY LastName")["records"]
    assert [(row["LastName"], row["Account"]["Name"]) for row in rows] == [("Ann", "a"), ("Bob", "a")]


def test_one_bad_record_undoes_the_tree_and_is_told_alone(caller: Caller) -> None:
    contacts = below(node("Contact", "c1", LastName="Ann"), node("Contact", "c2", Email="no address"))
    records = [node("Account", "a1", Name="a", Contacts=contacts)]

    response = caller.post(PATH, {"records": records})

    assert response.status_code == 400
    assert_golden("tree_refused.json", response.json())
    assert (count(caller), count(caller, "Contact")) == (0, 0)


def test_five_levels_fit_and_six_do_not(caller: Caller) -> None:
    def chain(levels: int) -> dict[str, Any]:
        record = node("Account", f"r{levels}", Name="a")
        return {**record, "ChildAccounts": below(chain(levels - 1))} if levels > 1 else record

    assert caller.post(PATH, {"records": [chain(5)]}).status_code == 201
    assert error_of(caller.post(PATH, {"records": [chain(6)]}))[:2] == (400, "LIMIT_EXCEEDED")
    assert count(caller) == 5


def test_two_hundred_records_fit_and_one_more_does_not(caller: Caller) -> None:
    records = [node("Account", f"r{number}", Name="a") for number in range(201)]

    assert len(caller.post(PATH, {"records": records[:200]}).json()["results"]) == 200
    assert error_of(caller.post(PATH, {"records": records}))[:2] == (400, "LIMIT_EXCEEDED")


def test_every_record_of_a_doubled_reference_is_told(caller: Caller) -> None:
    records = [node("Account", name, Name="a") for name in ("same", "other", "same")]

    response = caller.post(PATH, {"records": records})

    assert [one["referenceId"] for one in response.json()["results"]] == ["same", "same"]
    assert response.status_code == 400
    assert count(caller) == 0


@pytest.mark.parametrize(
    "records",
    [
        [],
        "text",
        [1],
        [{"Name": "a"}],
        [{"attributes": "text", "Name": "a"}],
        [{"attributes": {"type": "Account"}, "Name": "a"}],
        [node("Contact", "r1", LastName="a")],
        [node("Nope", "r1")],
        [node("Account", "r1", Name="a", Contacts={"records": [node("Account", "r2", Name="b")]})],
        [node("Account", "r1", Name="a", Contacts=[node("Contact", "r2", LastName="b")])],
    ],
)
def test_a_malformed_tree_is_refused_whole(caller: Caller, records: Any) -> None:
    response = caller.post(PATH, {"records": records})

    assert response.status_code == 400
    assert {"message", "errorCode"} <= response.json()[0].keys()
    assert count(caller) == 0


def test_a_tree_of_an_unknown_object_is_not_found(caller: Caller) -> None:
    assert caller.post("/composite/tree/Nope", {"records": []}).status_code == 404
