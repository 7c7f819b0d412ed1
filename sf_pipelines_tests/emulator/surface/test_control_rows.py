from __future__ import annotations

import json

from sf_pipelines_tests.emulator.surface.support import Caller, error_of


def control(caller: Caller, path: str) -> str:
    return f"{caller.url}/emulator/{path}"


def test_a_dump_has_every_row_once_in_a_fixed_order(caller: Caller) -> None:
    ids = [caller.create("Account", Name=name) for name in ("b", "a")]
    caller.create("Contact", LastName="l")
    caller.delete(f"/sobjects/Account/{ids[1]}")

    text = caller.get(control(caller, "dump?objects=Contact,Account")).text
    rows = [json.loads(line) for line in text.splitlines()]

    assert [(row["sobject"], row["Name"], row["IsDeleted"]) for row in rows] == [
        ("Account", "b", False),
        ("Account", "a", True),
        ("Contact", "l", False),
    ]
    assert rows[0]["CreatedDate"] == "2026-02-01T10:00:00.000+0000"
    assert text == caller.get(control(caller, "dump?objects=Account,Contact")).text


def test_a_diff_tells_what_changed_since_a_dump_and_since_a_snapshot(caller: Caller) -> None:
    kept, gone = (caller.create("Account", Name=name) for name in ("kept", "gone"))
    before = caller.get(control(caller, "dump")).content
    assert caller.post(control(caller, "snapshots"), {"name": "s"}).json() == {"snapshots": ["s"]}
    caller.patch(f"/sobjects/Account/{kept}", {"Name": "changed"})
    caller.delete(f"/sobjects/Account/{gone}")
    new = caller.create("Lead", LastName="l", Company="c")

    by_dump = caller.http.post(
        control(caller, "diff"), data=before, headers={"Content-Type": "application/x-ndjson"}, timeout=30
    ).json()

    change = {"Id": kept, "before": {"Name": "kept"}, "after": {"Name": "changed"}}
    assert by_dump["Account"] == {"created": [], "updated": [change], "deleted": [gone]}
    assert [row["Id"] for row in by_dump["Lead"]["created"]] == [new]
    assert by_dump == caller.post(control(caller, "diff"), {"snapshot": "s"}).json()


def test_a_restored_snapshot_is_the_org_as_it_was_and_ids_go_on_from_there(caller: Caller) -> None:
    caller.create("Account", Name="a")
    caller.post(control(caller, "snapshots"), {"name": "s"})
    second = caller.create("Account", Name="b")

    caller.post(control(caller, "snapshots/s/restore"))

    assert caller.query("SELECT Name FROM Account")["totalSize"] == 1
    assert caller.post(control(caller, "diff"), {"snapshot": "s"}).json() == {}
    assert caller.create("Account", Name="c") == second


def test_a_snapshot_that_is_not_there_is_told(caller: Caller) -> None:
    caller.post(control(caller, "snapshots"), {"name": "s"})
    assert caller.delete(control(caller, "snapshots/s")).json() == {"snapshots": []}

    for response in (
        caller.post(control(caller, "snapshots/s/restore")),
        caller.post(control(caller, "diff"), {"snapshot": "s"}),
        caller.delete(control(caller, "snapshots/s")),
    ):
        assert error_of(response)[0] == 404
    assert error_of(caller.post(control(caller, "snapshots"), {}))[0] == 400
    assert error_of(caller.post(control(caller, "diff"), {}))[0] == 400


def test_a_line_that_is_no_row_of_a_dump_is_named(caller: Caller) -> None:
    response = caller.http.post(
        control(caller, "diff"), data="{}", headers={"Content-Type": "application/x-ndjson"}, timeout=30
    )
    assert "Line 1" in error_of(response)[2]
