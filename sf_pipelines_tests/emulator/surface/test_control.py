from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines_tests.emulator.surface.support import Caller, error_of


def control(caller: Caller, path: str) -> str:
    return f"{caller.url}/emulator/{path}"


def test_reset_empties_the_org(caller: Caller) -> None:
    caller.create("Account", Name="a")
    caller.run_ingest("Name\na\n")

    assert caller.post(control(caller, "reset")).json() == {"reset": True}

    assert caller.query("SELECT COUNT() FROM Account")["totalSize"] == 0
    assert caller.get("/jobs/ingest").json()["records"] == []
    assert caller.surface.limits.used("DailyApiRequests") == 2


def test_the_clock_can_be_moved_and_set(caller: Caller) -> None:
    assert caller.get(control(caller, "clock")).json() == {"now": "2026-02-01T10:00:00+00:00", "frozen": True}
    moved = caller.post(control(caller, "clock"), {"advance_seconds": 90}).json()
    assert moved == {"now": "2026-02-01T10:01:30+00:00", "frozen": True}
    put = caller.post(control(caller, "clock"), {"set": "2027-01-01T00:00:00Z"}).json()
    assert put == {"now": "2027-01-01T00:00:00+00:00", "frozen": True}


def test_limits_can_be_put(caller: Caller) -> None:
    wish = {"DailyApiRequests": {"used": 7, "max": 10}}

    assert caller.post(control(caller, "limits"), wish).json()["DailyApiRequests"] == {
        "Max": 10,
        "Remaining": 3,
    }
    assert caller.get("/limits").headers["Sforce-Limit-Info"] == "api-usage=8/10"


def test_info_names_the_org(caller: Caller) -> None:
    info = caller.get(control(caller, "info")).json()

    assert info["organizationId"] == caller.surface.org.org_id
    assert "Account" in info["objects"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {}),
        ("clock", {"advance_seconds": "soon"}),
        ("clock", {"set": "2027-01-01T00:00:00"}),
        ("clock", {"set": "9999-12-31T23:59:59Z"}),
        ("clock", {"set": "0001-01-01T00:00:00Z"}),
        ("clock", {"advance_seconds": 1e11}),
        ("clock", []),
        ("limits", {"Nope": {"used": 1}}),
        ("limits", {"DailyApiRequests": {"used": -1}}),
        ("limits", {"DailyApiRequests": 5}),
    ],
)
def test_a_wrong_control_call_is_refused(caller: Caller, path: str, body: Any) -> None:
    assert error_of(caller.post(control(caller, path), body))[0] == 400


def test_a_refused_move_leaves_the_clock_as_it_was(caller: Caller) -> None:
    before = caller.get(control(caller, "clock")).json()
    caller.post(
        control(caller, "clock"), {"frozen": False, "set": "2027-01-01T00:00:00Z", "advance_seconds": "x"}
    )

    assert caller.get(control(caller, "clock")).json() == before


def test_the_jobs_of_both_bulk_apis_are_counted(caller: Caller) -> None:
    caller.new_ingest()
    address = f"{caller.url}/services/async/66.0/job"
    facts = {"operation": "insert", "object": "Account", "contentType": "CSV"}
    token = str(caller.http.headers["Authorization"]).removeprefix("Bearer ")
    caller.post(address, facts, headers={"X-SFDC-Session": token})

    assert caller.get(control(caller, "info")).json()["jobs"] == 2


def test_a_wrong_control_method_is_refused(caller: Caller) -> None:
    assert error_of(caller.get(control(caller, "reset")))[0] == 405
