from __future__ import annotations

import csv
import dataclasses
import io
from datetime import timedelta

import pytest

from sf_pipelines.emulator.bulk import query_routes
from sf_pipelines.emulator.bulk.settings import BATCH_LIMIT_MS, QUERY_RETRIES
from sf_pipelines.emulator.clock import Clock
from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of


def fill(caller: Caller, count: int) -> None:
    org = caller.surface.org
    assert all(row.success for row in org.create("Account", [{"Name": f"a{n}"} for n in range(count)]))


def test_a_query_job_has_salesforces_bodies(caller: Caller) -> None:
    created = caller.post("/jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"}).json()
    assert_golden("query_created.json", created)

    caller.wait(created["id"])
    assert_golden("query_complete.json", caller.get(f"/jobs/query/{created['id']}").json())


def test_every_value_is_quoted_and_parents_are_dotted(caller: Caller) -> None:
    caller.create("Account", Name='say "hi"\nthere', AnnualRevenue=912260031, External_Id__c="e-1")
    caller.create("Contact", LastName="Ann", Account={"External_Id__c": "e-1"})
    caller.create("Contact", LastName="Bob")

    job = caller.run_query(
        "SELECT LastName, Account.Name, Account.AnnualRevenue, CreatedDate, IsDeleted, FirstName "
        "FROM Contact ORDER BY LastName"
    )

    response = caller.get(f"/jobs/query/{job['id']}/results")
    assert response.headers["Content-Type"].startswith("text/csv")
    assert_golden("query_results.csv", response.content.decode())


def test_pages_follow_their_locators_to_the_literal_null(caller: Caller) -> None:
    fill(caller, 25)
    job = caller.run_query("SELECT Name FROM Account ORDER BY Id")
    path = f"/jobs/query/{job['id']}/results"

    names: list[str] = []
    counts: list[str] = []
    locator: str | None = None
    while locator != "null":
        page = caller.get(path, params={"maxRecords": 10, **({"locator": locator} if locator else {})})
        header, *rows = csv.reader(io.StringIO(page.text))
        assert header == ["Name"]
        names += [row[0] for row in rows]
        counts.append(page.headers["Sforce-NumberOfRecords"])
        locator = page.headers["Sforce-Locator"]

    assert names == [f"a{n}" for n in range(25)]
    assert counts == ["10", "10", "5"]


def test_a_locator_can_be_read_again(caller: Caller) -> None:
    fill(caller, 20)
    path = f"/jobs/query/{caller.run_query('SELECT Name FROM Account')['id']}/results"
    locator = caller.get(path, params={"maxRecords": 10}).headers["Sforce-Locator"]

    twice = [caller.get(path, params={"maxRecords": 10, "locator": locator}).text for _ in range(2)]

    assert twice[0] == twice[1]


def test_no_rows_give_the_header_alone(caller: Caller) -> None:
    job = caller.run_query("SELECT Id, Name FROM Account")
    response = caller.get(f"/jobs/query/{job['id']}/results")

    assert response.text == '"Id","Name"\n'
    assert response.headers["Sforce-NumberOfRecords"] == "0"
    assert response.headers["Sforce-Locator"] == "null"


def test_delimiter_and_line_ending_are_the_jobs(caller: Caller) -> None:
    fill(caller, 1)
    job = caller.run_query("SELECT Name, Phone FROM Account", columnDelimiter="PIPE", lineEnding="CRLF")

    assert caller.get(f"/jobs/query/{job['id']}/results").content == b'"Name"|"Phone"\r\n"a0"|""\r\n'


def test_another_version_is_a_conflict(caller: Caller) -> None:
    job = caller.run_query("SELECT Id FROM Account")
    address = f"{caller.url}/services/data/v65.0/jobs/query/{job['id']}/results"

    assert caller.get(address).status_code == 409


def test_result_pages_cover_all_rows_five_addresses_a_call(caller: Caller) -> None:
    fill(caller, query_routes.DEFAULT_PAGE_ROWS * 5 + 1)
    job = caller.run_query("SELECT Name FROM Account")

    first = caller.get(f"/jobs/query/{job['id']}/resultPages").json()
    second = caller.get(caller.url + first["nextRecordsUrl"]).json()

    assert (first["done"], len(first["resultPages"])) == (False, 5)
    assert (second["done"], len(second["resultPages"]), second["nextRecordsUrl"]) == (True, 1, None)
    last = caller.get(caller.url + second["resultPages"][0]["resultUrl"])
    assert last.headers["Sforce-NumberOfRecords"] == "1"


@pytest.mark.parametrize("params", [{"maxRecords": "0"}, {"maxRecords": "x"}, {"locator": "nonsense"}])
def test_a_wrong_page_request_is_refused(caller: Caller, params: dict[str, str]) -> None:
    job = caller.run_query("SELECT Id FROM Account")

    assert caller.get(f"/jobs/query/{job['id']}/results", params=params).status_code == 400


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT COUNT() FROM Account",
        "SELECT Industry FROM Account GROUP BY Industry",
        "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
        "SELECT Id FROM Account OFFSET 5",
        "SELECT BillingAddress FROM Account",
        "SELECT Nope FROM Account",
        "SELECT Id FROM Nope",
        "SELECT",
        "",
    ],
)
def test_soql_that_bulk_refuses_makes_no_job(caller: Caller, soql: str) -> None:
    response = caller.post("/jobs/query", {"operation": "query", "query": soql})

    assert response.status_code == 400
    assert caller.get("/jobs/query").json()["records"] == []
    assert caller.surface.limits.used("DailyBulkV2QueryJobs") == 0


def test_query_all_has_deleted_rows(caller: Caller) -> None:
    caller.delete(f"/sobjects/Account/{caller.create('Account', Name='gone')}")

    assert caller.run_query("SELECT Id FROM Account")["numberRecordsProcessed"] == 0
    assert caller.run_query("SELECT Id FROM Account", "queryAll")["numberRecordsProcessed"] == 1


def test_the_daily_query_jobs_run_out(caller: Caller) -> None:
    caller.surface.limits.put("DailyBulkV2QueryJobs", maximum=1)
    caller.run_query("SELECT Id FROM Account")

    response = caller.post("/jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"})

    assert error_of(response)[:2] == (400, "LIMIT_EXCEEDED")


def test_an_ended_query_job_can_be_deleted_but_not_aborted(caller: Caller) -> None:
    job = caller.run_query("SELECT Id FROM Account")
    path = f"/jobs/query/{job['id']}"

    assert error_of(caller.patch(path, {"state": "Aborted"}))[1] == "INVALIDJOBSTATE"
    assert caller.delete(path).status_code == 204
    assert error_of(caller.get(path + "/results"))[:2] == (404, "NOT_FOUND")


def test_ingest_and_query_jobs_are_kept_apart(caller: Caller) -> None:
    job = caller.run_query("SELECT Id FROM Account")

    assert caller.get(f"/jobs/ingest/{job['id']}").status_code == 404
    assert [one["id"] for one in caller.get("/jobs/query").json()["records"]] == [job["id"]]
    assert caller.get("/jobs/ingest").json()["records"] == []


def test_a_query_past_its_time_fails_after_fifteen_retries(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = caller.surface.workers
    slow = dataclasses.replace(workers.settings, query_ms=BATCH_LIMIT_MS + 1)
    monkeypatch.setattr(workers, "settings", slow)

    job = caller.run_query("SELECT Id FROM Account")

    assert (job["state"], job["retries"]) == ("Failed", QUERY_RETRIES)
    assert job["errorMessage"] == "Timeout : Retried more than 15 times"
    assert error_of(caller.get(f"/jobs/query/{job['id']}/results"))[:2] == (400, "INVALIDJOBSTATE")


def test_the_daily_result_bytes_run_out(caller: Caller) -> None:
    fill(caller, 3)
    caller.surface.limits.put("DailyBulkV2QueryFileStorageMB", used=0, maximum=0)

    job = caller.run_query("SELECT Name FROM Account")

    assert job["state"] == "Failed"
    assert "Max bulk v2 query result size stored" in job["errorMessage"]


def test_text_of_any_script_is_paged_at_row_borders(caller: Caller) -> None:
    names = ["é", "a", "日本", 'q"q', "b"]
    caller.surface.org.create("Account", [{"Name": name} for name in names])
    path = f"/jobs/query/{caller.run_query('SELECT Name FROM Account ORDER BY Id')['id']}/results"
    locator = caller.get(path, params={"maxRecords": 3}).headers["Sforce-Locator"]

    page = caller.get(path, params={"maxRecords": 3, "locator": locator}).content.decode()

    assert page == '"Name"\n"q""q"\n"b"\n'


def test_query_results_are_kept_seven_days(caller: Caller, clock: Clock) -> None:
    path = f"/jobs/query/{caller.run_query('SELECT Id FROM Account')['id']}"

    clock.advance(timedelta(days=7).total_seconds() + 1)
    caller.http.headers["Authorization"] = f"Bearer {caller.surface.oauth.open_session().token}"

    assert error_of(caller.get(path))[:2] == (404, "NOT_FOUND")
