from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.latency.profile import INSTANT, LIMITS_LAG_SECONDS, REALISTIC, Latency
from sf_pipelines.emulator.limits import LimitBook
from sf_pipelines.emulator.long_requests import LongRequests
from sf_pipelines_tests.emulator.surface.support import Caller, error_of

START = datetime(2026, 2, 1, 10, tzinfo=UTC)


def drains(caller: Caller, name: str = "") -> str:
    return f"{caller.url}/emulator/drains{'/' + name if name else ''}"


def test_a_neighbour_keeps_a_quota_drained_as_the_window_rolls(caller: Caller) -> None:
    caller.post(drains(caller), {"DailyApiRequests": {"remaining": 1}})

    assert caller.get("/limits").status_code == 200
    for _ in range(2):
        assert error_of(caller.get("/limits"))[1:] == (
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
        )
        caller.surface.org.clock.advance(25 * 60 * 60)
        caller.http.headers["Authorization"] = f"Bearer {caller.surface.oauth.open_session().token}"

    assert caller.get(drains(caller)).json() == {"DailyApiRequests": {"remaining": 0}}
    assert caller.delete(drains(caller, "DailyApiRequests")).json() == {}
    assert caller.get("/limits").status_code == 200


def test_a_neighbour_may_hold_all_long_requests(caller: Caller) -> None:
    caller.post(drains(caller), {"ConcurrentPerOrgLongTxn": {}})

    assert error_of(caller.get("/limits"))[2] == "ConcurrentPerOrgLongTxn Limit exceeded."
    caller.delete(drains(caller))
    assert caller.get("/limits").status_code == 200


def test_a_wrong_drain_is_refused(caller: Caller) -> None:
    assert error_of(caller.post(drains(caller), {"Nope": {}}))[0] == 400
    assert error_of(caller.post(drains(caller), {"DailyApiRequests": 5}))[0] == 400
    assert error_of(caller.delete(drains(caller, "DailyApiRequests")))[0] == 404


def test_twenty_five_requests_of_twenty_seconds_stop_the_next_one() -> None:
    clock = Clock(START, frozen=True)
    requests = LongRequests(clock)
    running = [requests.running() for _ in range(25)]
    for request in running:
        request.__enter__()
    clock.advance(19.9)
    with requests.running():
        clock.advance(0.1)

    with pytest.raises(SalesforceError, match="ConcurrentPerOrgLongTxn"), requests.running():
        pass
    running[0].__exit__(None, None, None)
    with requests.running():
        pass


def test_rows_count_as_data_storage_and_are_refused_past_it(caller: Caller) -> None:
    caller.surface.limits.put("DataStorageMB", maximum=1)
    # Two of the 512 are there already: the integration user and the standard price book.
    full = 510
    rows = [{"Name": str(number)} for number in range(full + 1)]

    results = caller.surface.org.create("Account", rows)

    assert [result.success for result in results] == [True] * full + [False]
    assert results[-1].errors[0].code == "STORAGE_LIMIT_EXCEEDED"
    assert caller.get("/limits").json()["DataStorageMB"] == {"Max": 1, "Remaining": 0}
    caller.surface.org.delete("Account", [results[0].id or ""])
    assert caller.surface.org.create("Account", [{"Name": "fits"}])[0].success


def test_limits_lag_in_a_realistic_org_and_not_in_an_instant_one() -> None:
    clock = Clock(START, frozen=True)
    latency = Latency(REALISTIC)
    book = LimitBook(clock, {"DailyApiRequests": 10}, lag_seconds=lambda: latency.profile.limits_lag_seconds)
    assert book.told()["DailyApiRequests"]["Remaining"] == 10
    book.try_spend("DailyApiRequests")

    assert book.told()["DailyApiRequests"]["Remaining"] == 10
    assert book.snapshot()["DailyApiRequests"]["Remaining"] == 9
    clock.advance(LIMITS_LAG_SECONDS)
    assert book.told()["DailyApiRequests"]["Remaining"] == 9
    latency.profile = INSTANT
    book.try_spend("DailyApiRequests")
    assert book.told()["DailyApiRequests"]["Remaining"] == 8


def test_the_daily_requests_may_be_a_soft_limit() -> None:
    book = LimitBook(Clock(START, frozen=True), {"DailyApiRequests": 10}, overshoot=0.2)

    assert [book.try_spend("DailyApiRequests") for _ in range(13)] == [True] * 12 + [False]
    assert book.snapshot()["DailyApiRequests"]["Remaining"] == 0


def test_the_same_seed_draws_the_same_latencies() -> None:
    one, other = Latency(REALISTIC, seed=4), Latency(REALISTIC, seed=4)

    drawn = [one.request_seconds() for _ in range(3)] + [one.queue_seconds()]
    assert drawn == [other.request_seconds() for _ in range(3)] + [other.queue_seconds()]
    assert all(0.05 <= seconds <= 0.25 for seconds in drawn[:3])
    one.reset()
    assert one.request_seconds() == drawn[0]


def test_slow_triggers_are_declared_by_object_and_taken_back(caller: Caller) -> None:
    address = f"{caller.url}/emulator/latency"
    told = caller.post(address, {"trigger_ms_per_row": {"Account": 0.01}}).json()

    assert (told["name"], told["trigger_ms_per_row"]) == ("instant", {"Account": 0.01})
    assert caller.surface.org.transactions.duration is not None
    assert caller.delete(address).json()["trigger_ms_per_row"] == {}
    assert caller.surface.org.transactions.duration is None
    assert caller.post(address, {"profile": "realistic"}).json()["limits_lag_seconds"] == 300
    assert error_of(caller.post(address, {"profile": "slowish"}))[0] == 400
    caller.delete(address)
