from __future__ import annotations

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.http import replication
from sf_pipelines_tests.emulator.surface.support import Caller, error_of

DAY = 24 * 60 * 60
SPAN = {"start": "2026-02-01T09:00:00Z", "end": "2026-02-01T11:00:00+00:00"}


def test_changed_rows_are_told_and_deleted_ones_are_not(caller: Caller, clock: Clock) -> None:
    kept, gone = (caller.create("Account", Name=name) for name in "ab")
    caller.delete(f"/sobjects/Account/{gone}")
    clock.advance(600)
    caller.create("Account", Name="later")

    body = caller.get("/sobjects/Account/updated", params={**SPAN, "end": "2026-02-01T10:05:59Z"}).json()

    assert body == {"ids": [kept], "latestDateCovered": "2026-02-01T10:05:00.000+0000"}


def test_deleted_rows_are_told_with_their_time(caller: Caller, clock: Clock) -> None:
    caller.create("Account", Name="a")
    gone = caller.create("Account", Name="b")
    clock.advance(60)
    caller.delete(f"/sobjects/Account/{gone}")

    body = caller.get("/sobjects/account/deleted/", params=SPAN).json()

    assert body == {
        "deletedRecords": [{"id": gone, "deletedDate": "2026-02-01T10:01:00.000+0000"}],
        "earliestDateAvailable": "2026-02-01T10:00:00.000+0000",
        "latestDateCovered": "2026-02-01T10:01:00.000+0000",
    }


def test_deletes_are_told_for_fifteen_days_and_updates_for_thirty(caller: Caller, clock: Clock) -> None:
    gone = caller.create("Account", Name="a")
    caller.delete(f"/sobjects/Account/{gone}")
    kept = caller.create("Account", Name="b")
    clock.advance(16 * DAY)
    caller.http.headers["Authorization"] = f"Bearer {caller.surface.oauth.open_session().token}"

    assert caller.get("/sobjects/Account/deleted", params=SPAN).json()["deletedRecords"] == []
    assert caller.get("/sobjects/Account/updated", params=SPAN).json()["ids"] == [kept]


@pytest.mark.parametrize("resource", ["updated", "deleted"])
@pytest.mark.parametrize(
    ("span", "code"),
    [
        ({"start": SPAN["start"]}, "MISSING_ARGUMENT"),
        ({"end": SPAN["end"]}, "MISSING_ARGUMENT"),
        ({**SPAN, "start": "yesterday"}, "INVALID_REPLICATION_DATE"),
        ({**SPAN, "start": "2026-01-02T09:59:00Z"}, "INVALID_REPLICATION_DATE"),
        ({**SPAN, "start": SPAN["end"]}, "INVALID_REPLICATION_DATE"),
        ({"start": "2026-02-01T09:00:01Z", "end": "2026-02-01T09:00:59Z"}, "INVALID_REPLICATION_DATE"),
    ],
)
def test_a_wrong_span_is_refused(caller: Caller, resource: str, span: dict[str, str], code: str) -> None:
    assert error_of(caller.get(f"/sobjects/Account/{resource}", params=span))[:2] == (400, code)


@pytest.mark.parametrize("resource", ["updated", "deleted"])
def test_a_span_with_too_many_ids_is_refused(
    caller: Caller, monkeypatch: pytest.MonkeyPatch, resource: str
) -> None:
    monkeypatch.setattr(replication, "MAX_IDS", 1)
    for name in "ab":
        id_ = caller.create("Account", Name=name)
        if resource == "deleted":
            caller.delete(f"/sobjects/Account/{id_}")

    answer = caller.get(f"/sobjects/Account/{resource}", params=SPAN)

    assert error_of(answer)[:2] == (400, "EXCEEDED_ID_LIMIT")


def test_an_unknown_object_is_not_found(caller: Caller) -> None:
    assert caller.get("/sobjects/Nope/updated", params=SPAN).status_code == 404


def test_the_record_counts_are_of_live_rows(caller: Caller) -> None:
    caller.create("Account", Name="a")
    caller.delete(f"/sobjects/Account/{caller.create('Account', Name='b')}")
    path = "/limits/recordCount"

    some = caller.get(path, params={"sObjects": "Contact,account,Nope"}).json()["sObjects"]
    every = caller.get(path).json()["sObjects"]

    assert some == [{"count": 1, "name": "Account"}, {"count": 0, "name": "Contact"}]
    assert {"count": 1, "name": "User"} in every
