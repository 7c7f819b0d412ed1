from __future__ import annotations

import gzip
import subprocess
import sys
from typing import Any

import pytest
import requests

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.faults.kinds import KINDS
from sf_pipelines.emulator.handle import EmulatedOrg
from sf_pipelines_tests.emulator.surface.support import Caller, error_of
from sf_pipelines_tests.emulator.waiting import in_thread

ACCOUNTS = "SELECT COUNT() FROM Account"


def count(caller: Caller) -> int:
    return caller.query(ACCOUNTS)["totalSize"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "UNKNOWN_EXCEPTION"), (502, "BAD_GATEWAY"), (503, "SERVER_UNAVAILABLE"),
     (420, "REQUEST_LIMIT_EXCEEDED"), (429, "REQUEST_LIMIT_EXCEEDED")],
)  # fmt: skip
def test_a_status_comes_with_an_envelope(
    salesforce_org: EmulatedOrg, caller: Caller, status: int, code: str
) -> None:
    salesforce_org.fault("status", status=status)

    assert error_of(caller.get("/limits"))[:2] == (status, code)


def test_a_status_may_come_as_html(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    salesforce_org.fault("status", status=503, html=True)

    response = caller.get("/limits")
    assert (response.status_code, response.headers["content-type"]) == (503, "text/html;charset=UTF-8")


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_a_fault_comes_before_or_after_the_effect(
    salesforce_org: EmulatedOrg, caller: Caller, when: str, rows: int
) -> None:
    salesforce_org.fault("status", method="POST", path="*/sobjects/Account", when=when)

    assert caller.post("/sobjects/Account", {"Name": "a"}).status_code == 503
    assert count(caller) == rows


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_a_reset_breaks_the_connection(
    salesforce_org: EmulatedOrg, caller: Caller, when: str, rows: int
) -> None:
    salesforce_org.fault("reset", method="POST", first=1, when=when)

    with pytest.raises(requests.ConnectionError, match="Connection aborted"):
        caller.post("/sobjects/Account", {"Name": "a"})
    assert count(caller) == rows


def test_a_truncated_body_is_shorter_than_announced(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    salesforce_org.fault("truncate", path="*/limits", share=0.5)

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        caller.get("/limits")


def test_a_truncated_gzip_stream_comes_in_a_whole_message(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    salesforce_org.fault("truncate_gzip")

    response = caller.get("/limits", stream=True)
    packed = response.raw.read(decode_content=False)
    assert int(response.headers["content-length"]) == len(packed)
    with pytest.raises(EOFError):
        gzip.decompress(packed)


def test_a_stalled_body_goes_on_until_the_fault_is_removed(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    fault = salesforce_org.fault("stall", path="*/limits", bytes=10)
    response = caller.get("/limits", stream=True)
    assert response.status_code == 200
    fault.wait_hit()

    fault.remove()

    with pytest.raises(requests.RequestException):
        _ = response.content


def test_html_and_unknown_json_come_with_200(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    salesforce_org.fault("html", nth=1)
    salesforce_org.fault("json", nth=2, body={"what": ["ever"]})

    assert caller.get("/limits").text.startswith("<!DOCTYPE html>")
    assert caller.get("/limits").json() == {"what": ["ever"]}
    assert "DailyApiRequests" in caller.get("/limits").json()


def test_a_session_and_two_quotas_can_be_refused(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    salesforce_org.fault("session_expired", nth=1)
    salesforce_org.fault("quota", nth=2)
    salesforce_org.fault("quota", nth=3, limit="ConcurrentPerOrgLongTxn")

    assert error_of(caller.get("/limits"))[:2] == (401, "INVALID_SESSION_ID")
    total = (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    assert error_of(caller.get("/limits")) == total
    assert error_of(caller.get("/limits"))[2] == "ConcurrentPerOrgLongTxn Limit exceeded."
    assert caller.get("/limits").status_code == 200


def test_a_slow_answer_waits_on_the_clock_of_the_org(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    salesforce_org.clock.freeze()
    fault = salesforce_org.fault("slow", seconds=60.0)
    future = in_thread(lambda: caller.get("/limits"))
    fault.wait_hit()
    assert not future.done()

    salesforce_org.clock.advance(60)

    assert future.result(30).status_code == 200


def test_a_schedule_says_which_calls_are_hit(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    every = salesforce_org.fault("status", every=3)
    assert [caller.get("/limits").status_code for _ in range(6)] == [200, 200, 503, 200, 200, 503]
    assert every.hits == 2
    every.remove()

    salesforce_org.fault("status", first=2)
    assert [caller.get("/limits").status_code for _ in range(3)] == [503, 503, 200]


def test_a_probability_draws_the_same_calls_from_the_same_seed(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    def drawn() -> list[int]:
        fault = salesforce_org.fault("status", probability=0.5, seed=7)
        statuses = [caller.get("/limits").status_code for _ in range(12)]
        fault.remove()
        return statuses

    once = drawn()
    assert once == drawn()
    assert set(once) == {200, 503}


def test_a_row_fault_fails_that_many_rows_with_the_lock_error(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    (account,) = salesforce_org.insert("Account", [{"Name": "a"}])
    salesforce_org.fault("rows_fail", method="POST", rows=2)
    contact = {"attributes": {"type": "Contact"}, "LastName": "l", "AccountId": account}

    results = caller.post("/composite/sobjects", {"records": [contact] * 3}).json()

    assert [row["success"] for row in results] == [False, False, True]
    assert results[0]["errors"] == [
        {
            "statusCode": "UNABLE_TO_LOCK_ROW",
            "message": f"unable to obtain exclusive access to this record or 1 records: {account}",
            "fields": [],
        }
    ]


def test_a_rehearsed_transaction_draws_its_refused_rows_once(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    salesforce_org.profile("instant", trigger_ms_per_row={"Account": 0.001})
    salesforce_org.fault("rows_fail", rows=1, code="X", message="no")
    rows = [{"attributes": {"type": "Account"}, "Name": str(number)} for number in range(2)]

    results = caller.post("/composite/sobjects", {"records": rows}).json()

    assert [row["success"] for row in results] == [False, True]


def test_a_wrong_record_count_and_wrong_counters_contradict_the_files(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    job = caller.run_ingest("Name\na\n")
    query = caller.run_query("SELECT Name FROM Account")
    salesforce_org.fault("wrong_record_count", path="*/results", add=5)
    salesforce_org.fault("wrong_counters", path="*/jobs/ingest/*", processed=2, failed=1)

    page = caller.get(f"/jobs/query/{query['id']}/results")
    info = caller.get(f"/jobs/ingest/{job['id']}").json()

    assert page.headers["Sforce-NumberOfRecords"] == "6"
    assert (info["numberRecordsProcessed"], info["numberRecordsFailed"]) == (3, 1)


def test_an_administrator_may_delete_a_job_under_the_client(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    job = caller.new_ingest()
    salesforce_org.fault("job_deleted", path="*/jobs/ingest/*", nth=2)

    assert caller.get(f"/jobs/ingest/{job['id']}").status_code == 200
    assert caller.get(f"/jobs/ingest/{job['id']}").status_code == 404


CREATE = (
    "import sys, requests\n"
    "requests.post(sys.argv[1], json={'Name': 'a'}, headers={'Authorization': 'Bearer ' + sys.argv[2]})\n"
)


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_a_client_can_be_killed_exactly_at_its_nth_call(
    salesforce_org: EmulatedOrg, caller: Caller, when: str, rows: int
) -> None:
    hold = caller.post(
        f"{salesforce_org.url}/emulator/faults",
        {"kind": "hold", "name": "here", "method": "POST", "path": "*/sobjects/*", "nth": 1, "when": when},
    )
    assert hold.status_code == 201
    address = f"{caller.data}/sobjects/Account"
    token = salesforce_org.credentials.access_token
    with subprocess.Popen([sys.executable, "-c", CREATE, address, token]) as client:
        hit = caller.get(f"{salesforce_org.url}/emulator/faults/here?wait=hit")
        assert hit.json()["hits"] == 1
        client.kill()
    caller.delete(f"{salesforce_org.url}/emulator/faults/here")

    assert count(caller) == rows


def test_a_held_call_goes_on_when_it_is_released(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    fault = salesforce_org.fault("hold", nth=1)
    future = in_thread(lambda: caller.post("/sobjects/Account", {"Name": "a"}))
    fault.wait_hit()
    assert not future.done()

    fault.release()

    assert future.result(30).status_code == 201
    assert count(caller) == 1


def test_the_calls_are_listed_in_order_with_what_hit_them(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    salesforce_org.fault("status", name="down", nth=2)
    caller.get("/limits")
    caller.get("/limits")

    calls = caller.get(f"{salesforce_org.url}/emulator/calls").json()["calls"]
    path = "/services/data/v66.0/limits"
    assert calls == [
        {"n": 1, "method": "GET", "path": path, "status": 200, "faults": []},
        {"n": 2, "method": "GET", "path": path, "status": 503, "faults": ["down"]},
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "status", "name": "a/b"},
        {"kind": "status", "nth": 0},
        {"kind": "status", "nth": 1, "every": 2},
        {"kind": "status", "probability": 2},
        {"kind": "status", "when": "later"},
        {"kind": "status", "status": 99},
        {"kind": "status", "colour": "red"},
        {"kind": "slow", "seconds": -1},
        {"kind": "truncate", "share": 2.0},
        {"kind": "job_stuck", "method": "GET"},
    ],
)
def test_a_wrong_fault_is_refused_with_one_sentence(caller: Caller, body: dict[str, Any]) -> None:
    status, code, _ = error_of(caller.post(f"{caller.url}/emulator/faults", body))

    assert (status, code) == (400, "JSON_PARSER_ERROR")


def test_names_are_given_in_order_and_taken_once(salesforce_org: EmulatedOrg) -> None:
    assert [salesforce_org.fault("hold", method="NONE").name for _ in range(2)] == ["hold-1", "hold-2"]
    with pytest.raises(SalesforceError, match="already"):
        salesforce_org.fault("hold", name="hold-1")


_NOWHERE = {
    "call": {"method": "NONE"},
    "job": {"object": "None__c"},
    "event": {"object": "None__c"},
    "stream": {"topic": "/data/None__chn"},
}


def test_every_kind_can_be_set_with_its_defaults_and_is_listed(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    for kind in KINDS:
        caller.post(f"{caller.url}/emulator/faults", {"kind": kind, **_NOWHERE[KINDS[kind].target]})

    listed = caller.get(f"{caller.url}/emulator/faults").json()["faults"]
    assert [fault["kind"] for fault in listed] == list(KINDS)
    caller.delete(f"{caller.url}/emulator/faults")
    assert salesforce_org.surface.faults.is_empty


def test_a_fault_that_never_hits_ends_the_wait_with_408(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    salesforce_org.fault("hold", name="never", method="NONE")

    address = f"{caller.url}/emulator/faults/never?wait=hit&timeout_seconds="

    assert error_of(caller.get(address + "0"))[:2] == (408, "TIMEOUT")
    assert {caller.get(address + text).status_code for text in ("nan", "inf", "-1", "soon")} == {400}
