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
        ("clock", []),
        ("limits", {"Nope": {"used": 1}}),
        ("limits", {"DailyApiRequests": {"used": -1}}),
        ("limits", {"DailyApiRequests": 5}),
    ],
)
def test_a_wrong_control_call_is_refused(caller: Caller, path: str, body: Any) -> None:
    assert error_of(caller.post(control(caller, path), body))[0] == 400


def test_a_wrong_control_method_is_refused(caller: Caller) -> None:
    assert error_of(caller.get(control(caller, "reset")))[0] == 405
