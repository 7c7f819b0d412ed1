"""simple-salesforce, unmodified: the Bulk API in both versions."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Any

import pytest
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceGeneralError, SalesforceOperationError

from sf_pipelines_tests.clients.peer import ControlPlane, Row

ROWS = [{"External_Id__c": f"e-{n}", "Name": f"n{n}"} for n in range(500)]


def read_csv(pages: Iterable[str]) -> list[list[Row]]:
    return [list(csv.DictReader(page.splitlines())) for page in pages]


def test_each_row_of_a_job_is_in_one_of_three_result_files(client: Salesforce) -> None:
    accounts: Any = client.bulk2.Account  # type: ignore[attr-defined]
    accounts.insert(records=ROWS[:2], wait=0)
    nameless, no_number = {"External_Id__c": "e-7", "Name": ""}, {"External_Id__c": "e-8", "Name": "x" * 256}
    (job,) = accounts.upsert(
        records=[*ROWS[:4], nameless, no_number], external_id_field="External_Id__c", wait=0
    )
    results = accounts.get_all_ingest_records(job["job_id"])

    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"], job["numberRecordsTotal"]) == (6, 2, 6)
    assert {row["External_Id__c"]: row["sf__Created"] for row in results["successfulRecords"]} == {
        "e-0": "false",
        "e-1": "false",
        "e-2": "true",
        "e-3": "true",
    }
    assert {row["External_Id__c"]: row["sf__Error"] for row in results["failedRecords"]} == {
        "e-7": "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
        "e-8": f"STRING_TOO_LONG:Account Name: data value too large: {'x' * 256} (max length=255):Name --",
    }
    assert results["unprocessedRecords"] == []


def test_rows_behind_the_end_of_a_failed_job_are_unprocessed(
    client: Salesforce, control: ControlPlane
) -> None:
    accounts: Any = client.bulk2.Account  # type: ignore[attr-defined]
    control.post("faults", kind="job_fails", after_batches=1, message="InternalServerError : lost")
    with pytest.raises(SalesforceOperationError, match="InternalServerError : lost"):
        accounts.insert(records=[{"Name": f"n{n}"} for n in range(10_001)], wait=0)

    jobs: Any = client.restful("jobs/ingest")
    (job,) = jobs["records"]
    results = accounts.get_all_ingest_records(job["id"])
    assert job["state"] == "Failed"
    assert [len(rows) for rows in results.values()] == [10_000, 0, 1]
    assert results["unprocessedRecords"] == [{"Name": "n10000"}]


def test_a_locked_row_of_a_job_is_told_by_its_code(client: Salesforce, control: ControlPlane) -> None:
    accounts: Any = client.bulk2.Account  # type: ignore[attr-defined]
    control.post("faults", kind="job_rows_fail", code="UNABLE_TO_LOCK_ROW", rows=1, nth=1)
    (job,) = accounts.insert(records=ROWS[:2], wait=0)
    (again,) = accounts.insert(records=ROWS[:1], wait=0)
    ((locked,),) = read_csv([accounts.get_failed_records(job["job_id"])])

    assert locked["sf__Error"].startswith(
        "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record"
    )
    assert locked["Name"] == "n0"
    assert again["numberRecordsFailed"] == 0


def test_query_jobs_give_pages_and_deleted_rows(client: Salesforce) -> None:
    accounts: Any = client.bulk2.Account  # type: ignore[attr-defined]
    accounts.insert(records=ROWS, wait=0)
    (found,) = read_csv(accounts.query("SELECT Id FROM Account LIMIT 1", wait=0))
    (deleted,) = accounts.delete(records=[{"Id": found[0]["Id"]}], wait=0)
    live = read_csv(accounts.query("SELECT Name FROM Account", max_records=200, wait=0))
    every = read_csv(accounts.query_all("SELECT Id, IsDeleted FROM Account WHERE IsDeleted = true", wait=0))

    assert deleted["numberRecordsFailed"] == 0
    assert [len(page) for page in live] == [200, 200, 99]
    assert every == [[{"Id": found[0]["Id"], "IsDeleted": "true"}]]


def test_version_1_inserts_upserts_deletes_and_queries(client: Salesforce, control: ControlPlane) -> None:
    accounts: Any = client.bulk.Account  # type: ignore[attr-defined]
    # it looks at once, and after that every five seconds: let its first look find the batch done
    control.post("faults", kind="slow", seconds=0.03, method="GET", path="*/batch/" + "?" * 18)
    inserted = accounts.insert(ROWS[:25], batch_size=10, use_serial=True)
    upserted = accounts.upsert([{"External_Id__c": "e-1", "Name": ""}, *ROWS[2:4]], "External_Id__c")
    deleted = accounts.delete([{"Id": row["id"]} for row in inserted[:5]])
    found = accounts.query("SELECT Id, Name FROM Account")
    every = accounts.query_all("SELECT Id FROM Account")

    assert [row["success"] for row in inserted] == [True] * 25
    assert [row["success"] for row in upserted] == [False, True, True]
    assert upserted[0]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert all(row["success"] for row in deleted)
    assert sorted(row["Name"] for row in found) == sorted(row["Name"] for row in ROWS[5:25])
    assert len(every) == 25
    with pytest.raises(SalesforceGeneralError, match="InvalidBatch"):
        accounts.query("SELECT Nope FROM Account")
