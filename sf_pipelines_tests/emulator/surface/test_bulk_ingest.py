from __future__ import annotations

import dataclasses
import gzip
from datetime import timedelta
from typing import Any

import pytest

from sf_pipelines.emulator.bulk import settings, upload
from sf_pipelines.emulator.clock import Clock
from sf_pipelines_tests.emulator.surface.support import Caller, assert_golden, error_of

DAY_SECONDS = timedelta(days=1).total_seconds()


def rows_of(text: str) -> int:
    return max(0, len(text.splitlines()) - 1)


def log_in_again(caller: Caller) -> None:
    caller.http.headers["Authorization"] = f"Bearer {caller.surface.oauth.open_session().token}"


def test_a_job_goes_through_its_states_and_bodies(caller: Caller) -> None:
    created = caller.new_ingest("upsert", externalIdFieldName="External_Id__c")
    job_id = created["id"]
    assert_golden("ingest_created.json", created)

    uploaded = caller.put_csv(job_id, "External_Id__c,Name\ne-1,Acme\ne-2,\n")
    assert (uploaded.status_code, uploaded.content) == (201, b"")

    closed = caller.patch(f"/jobs/ingest/{job_id}", {"state": "UploadComplete"})
    assert_golden("ingest_closed.json", closed.json())

    caller.wait(job_id)
    assert_golden("ingest_complete.json", caller.get(f"/jobs/ingest/{job_id}").json())


def test_the_result_files_have_salesforces_form(caller: Caller) -> None:
    content = (
        "Name,Last_Seen__c,NumberOfEmployees,Description\n"
        '"Ann, Inc.",2026-01-01T00:00:00Z,1,"say ""hi"""\n'
        "Bob,never,2,\n"
        ",2026-01-01T00:00:00Z,3,no name\n"
        '"two\nlines",,,\n'
    )
    job = caller.run_ingest(content)

    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 4, 2)
    assert_golden("successful_results.csv", caller.results(job["id"], "successfulResults"))
    assert_golden("failed_results.csv", caller.results(job["id"], "failedResults"))
    assert_golden("unprocessed_records.csv", caller.results(job["id"], "unprocessedrecords"))


@pytest.mark.parametrize(
    "name", ["unprocessedrecords", "unprocessedRecords", "SUCCESSFULRESULTS", "failedresults"]
)
def test_the_last_segment_of_a_result_has_no_case(caller: Caller, name: str) -> None:
    job = caller.run_ingest("Name\na\n")

    assert caller.get(f"/jobs/ingest/{job['id']}/{name}").status_code == 200


def test_upsert_tells_created_from_updated(caller: Caller) -> None:
    caller.create("Account", Name="old", External_Id__c="e-1")

    job = caller.run_ingest(
        "External_Id__c,Name\ne-1,new\ne-2,more\n", "upsert", externalIdFieldName="External_Id__c"
    )

    lines = caller.results(job["id"], "successfulResults").splitlines()[1:]
    assert [line.split(",")[1] for line in lines] == ['"false"', '"true"']
    names = [row["Name"] for row in caller.query("SELECT Name FROM Account ORDER BY Name")["records"]]
    assert names == ["more", "new"]


def test_an_empty_cell_leaves_the_field_and_the_null_mark_empties_it(caller: Caller) -> None:
    id_ = caller.create("Account", Name="a", Industry="Energy", Phone="1")

    caller.run_ingest(f"Id,Industry,Phone\n{id_},,#N/A\n", "update")

    (record,) = caller.query("SELECT Industry, Phone FROM Account")["records"]
    assert (record["Industry"], record["Phone"]) == ("Energy", None)


@pytest.mark.parametrize("operation", ["delete", "hardDelete"])
def test_a_delete_job_takes_only_ids(caller: Caller, operation: str) -> None:
    id_ = caller.create("Account", Name="a")

    wrong = caller.run_ingest(f"Id,Name\n{id_},a\n", operation)
    right = caller.run_ingest(f"Id\n{id_}\n001xx0000000zzzAAA\n", operation)

    assert wrong["state"] == "Failed"
    assert (right["numberRecordsProcessed"], right["numberRecordsFailed"]) == (2, 1)
    left = caller.get("/queryAll", params={"q": "SELECT COUNT() FROM Account"}).json()["totalSize"]
    assert left == (1 if operation == "delete" else 0)


def test_a_parent_is_named_by_a_relationship_column(caller: Caller) -> None:
    parent = caller.create("Account", Name="a", External_Id__c="e-1")

    job = caller.run_ingest("LastName,Account.External_Id__c\nAnn,e-1\nBob,nope\nCy,\n", sobject="Contact")

    assert job["numberRecordsFailed"] == 1
    assert ":Foreign key external ID: nope not found" in caller.results(job["id"], "failedResults")
    records = caller.query("SELECT LastName, AccountId FROM Contact ORDER BY LastName")["records"]
    assert [(row["LastName"], row["AccountId"]) for row in records] == [("Ann", parent), ("Cy", None)]


@pytest.mark.parametrize(
    ("delimiter", "character"),
    [("COMMA", ","), ("BACKQUOTE", "`"), ("CARET", "^"), ("PIPE", "|"), ("SEMICOLON", ";"), ("TAB", "\t")],
)
def test_every_delimiter_is_read_and_written_back(caller: Caller, delimiter: str, character: str) -> None:
    job = caller.run_ingest(f"Name{character}Phone\na{character}1\n", columnDelimiter=delimiter)

    lines = caller.results(job["id"], "successfulResults").splitlines()
    assert lines[0] == character.join(['"sf__Id"', '"sf__Created"', "Name", "Phone"])
    assert lines[1].split(character)[1:] == ['"true"', '"a"', '"1"']


def test_crlf_is_read_and_written_back(caller: Caller) -> None:
    job = caller.run_ingest("Name\r\na\r\n", lineEnding="CRLF")

    assert job["state"] == "JobComplete"
    assert caller.results(job["id"], "successfulResults").count("\r\n") == 2


@pytest.mark.parametrize(
    ("content", "facts", "message"),
    [
        ("Name,Foo__c\na,1\n", {}, "InvalidBatch : Field name not found : Foo__c"),
        ("Name,Owner.Foo__c\na,1\n", {}, "InvalidBatch : Field name not found : Owner.Foo__c"),
        ("Name,name\na,b\n", {}, "InvalidBatch : Duplicate field name : name"),
        ("\ufeffName\na\n", {}, "InvalidBatch : Field name not found : \ufeffName"),
        (
            "Name\r\na\r\n",
            {},
            "InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        (
            "Name\na\n",
            {"lineEnding": "CRLF"},
            "InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is CRLF",
        ),
        (
            'Name\nsay "hi"\n',
            {},
            "InvalidBatch : Failed to parse CSV. Found unescaped quote. "
            "A value with quote should be within a quote",
        ),
        (b"Name\n\xff\xfe\n", {}, "InvalidBatch : Failed to parse CSV. The data isn't UTF-8"),
        ("", {}, "InvalidBatch : Unable to find a header row"),
    ],
)
def test_content_that_cannot_be_read_fails_the_job(
    caller: Caller, content: str | bytes, facts: dict[str, str], message: str
) -> None:
    job = caller.run_ingest(content, **facts)

    assert (job["state"], job["errorMessage"]) == ("Failed", message)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (0, 0)
    unprocessed = caller.get(f"/jobs/ingest/{job['id']}/unprocessedrecords").content
    assert unprocessed == (content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize("row", ['"a" ,b', '"a"x,b', '"open,b'])
def test_a_badly_quoted_row_fails_the_job(caller: Caller, row: str) -> None:
    job = caller.run_ingest(f"Name,Phone\n{row}\n")

    assert job["state"] == "Failed"
    assert job["errorMessage"].startswith("InvalidBatch : Failed to parse CSV.")


def test_a_row_of_another_width_fails_alone(caller: Caller) -> None:
    job = caller.run_ingest("Name,Phone\na,1\nb\nc,2,3\nd,4\n")

    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (4, 2)
    assert "CLIENTINPUTERROR:The row has 1 columns, the header has 2:--" in caller.results(
        job["id"], "failedResults"
    )


def test_a_row_that_breaks_later_leaves_earlier_batches_committed(caller: Caller) -> None:
    rows = [f"a{n}" for n in range(settings.BATCH_ROWS + 5)]
    rows[-1] = 'say "hi"'
    job = caller.run_ingest("Name\n" + "\n".join(rows) + "\n")

    done = rows_of(caller.results(job["id"], "successfulResults"))
    left = rows_of(caller.results(job["id"], "unprocessedrecords"))
    assert (job["state"], done, left) == ("Failed", settings.BATCH_ROWS, 5)
    assert caller.query("SELECT COUNT() FROM Account")["totalSize"] == done


def test_success_failed_and_unprocessed_make_up_the_upload(caller: Caller) -> None:
    total = 2 * settings.BATCH_ROWS + 7
    caller.surface.limits.put("DailyBulkApiBatches", used=0, maximum=2)
    content = "Name,Phone\n" + "".join(f"{'' if n % 100 == 0 else n},1\n" for n in range(total))

    job = caller.run_ingest(content)

    kinds = ("successfulResults", "failedResults", "unprocessedrecords")
    counts = [rows_of(caller.results(job["id"], kind)) for kind in kinds]
    assert counts == [19_800, 200, 7]
    assert sum(counts) == total
    assert job["state"] == "Failed"
    assert job["errorMessage"].startswith("ExceededQuota")


def test_each_batch_of_ten_thousand_is_counted(caller: Caller) -> None:
    caller.run_ingest("Name\n" + "a\n" * (settings.BATCH_ROWS + 1))

    assert caller.surface.limits.used("DailyBulkApiBatches") == 2


def test_only_one_put_is_taken(caller: Caller) -> None:
    job_id = caller.new_ingest()["id"]
    caller.put_csv(job_id, "Name\na\n")

    status, code, message = error_of(caller.put_csv(job_id, "Name\nb\n"))

    assert (status, code) == (400, "INVALIDJOB")
    assert message.startswith(f"Found multipe contents for job: <{job_id}>, please")


def test_a_put_after_closing_is_refused(caller: Caller) -> None:
    job = caller.run_ingest("Name\na\n")

    assert error_of(caller.put_csv(job["id"], "Name\nb\n"))[:2] == (400, "INVALIDJOBSTATE")


def test_a_put_must_be_csv(caller: Caller) -> None:
    job_id = caller.new_ingest()["id"]
    address = f"{caller.data}/jobs/ingest/{job_id}/batches"
    response = caller.http.put(address, json={"Name": "a"}, timeout=10)

    assert error_of(response)[:2] == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_an_upload_past_the_cap_is_refused_and_the_job_stays_open(caller: Caller) -> None:
    job_id = caller.new_ingest()["id"]
    piece = b"x" * (1 << 20)
    pieces = (piece for _ in range(upload.MAX_UPLOAD_BYTES // len(piece) + 1))
    address = f"{caller.data}/jobs/ingest/{job_id}/batches"

    response = caller.http.put(address, data=pieces, headers={"Content-Type": "text/csv"}, timeout=60)

    assert error_of(response)[:2] == (400, "LIMIT_EXCEEDED")
    assert caller.put_csv(job_id, "Name\na\n").status_code == 201


def test_a_job_closed_without_content_is_complete_and_empty(caller: Caller) -> None:
    job_id = caller.new_ingest()["id"]
    caller.patch(f"/jobs/ingest/{job_id}", {"state": "UploadComplete"})
    caller.wait(job_id)

    assert caller.get(f"/jobs/ingest/{job_id}").json()["numberRecordsProcessed"] == 0
    assert caller.results(job_id, "successfulResults") == ""


def test_an_aborted_job_leaves_all_rows_unprocessed(caller: Caller) -> None:
    job_id = caller.new_ingest()["id"]
    caller.put_csv(job_id, "Name\na\nb\n")

    aborted = caller.patch(f"/jobs/ingest/{job_id}", {"state": "Aborted"}).json()

    assert aborted["state"] == "Aborted"
    assert caller.results(job_id, "unprocessedrecords") == "Name\na\nb\n"
    assert caller.query("SELECT COUNT() FROM Account")["totalSize"] == 0


def test_a_running_job_that_is_aborted_accounts_for_every_row(caller: Caller) -> None:
    total = 5 * settings.BATCH_ROWS
    job_id = caller.new_ingest()["id"]
    caller.put_csv(job_id, "Name\n" + "a\n" * total)
    caller.patch(f"/jobs/ingest/{job_id}", {"state": "UploadComplete"})

    answer = caller.patch(f"/jobs/ingest/{job_id}", {"state": "Aborted"})

    job = caller.wait(job_id)
    assert answer.status_code == (200 if job.state == "Aborted" else 400)
    kinds = ("successfulResults", "failedResults", "unprocessedrecords")
    assert sum(rows_of(caller.results(job_id, kind)) for kind in kinds) == total
    assert caller.query("SELECT COUNT() FROM Account")["totalSize"] == job.records_processed


def test_a_finished_job_can_be_neither_aborted_nor_closed(caller: Caller) -> None:
    job = caller.run_ingest("Name\na\n")
    path = f"/jobs/ingest/{job['id']}"

    expected = (400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed")
    assert error_of(caller.patch(path, {"state": "Aborted"})) == expected
    assert error_of(caller.patch(path, {"state": "UploadComplete"}))[:2] == (400, "INVALIDJOBSTATE")
    assert error_of(caller.patch(path, {"state": "JobComplete"}))[:2] == (400, "INVALIDJOBSTATE")


def test_results_wait_for_the_end(caller: Caller) -> None:
    job_id = caller.new_ingest()["id"]

    assert error_of(caller.get(f"/jobs/ingest/{job_id}/failedResults"))[:2] == (400, "INVALIDJOBSTATE")


def test_an_open_job_cannot_be_deleted_and_an_ended_one_vanishes(caller: Caller) -> None:
    open_id = caller.new_ingest()["id"]
    ended = caller.run_ingest("Name\na\n")

    refused = caller.delete(f"/jobs/ingest/{open_id}")
    assert error_of(refused)[1] == "API_ERROR"
    assert caller.delete(f"/jobs/ingest/{ended['id']}").status_code == 204
    for answer in (
        caller.get(f"/jobs/ingest/{ended['id']}"),
        caller.get(f"/jobs/ingest/{ended['id']}/failedResults"),
        caller.delete(f"/jobs/ingest/{ended['id']}"),
    ):
        assert error_of(answer)[:2] == (404, "NOT_FOUND")


def test_results_are_kept_seven_days(caller: Caller, clock: Clock) -> None:
    job = caller.run_ingest("Name\na\n")
    path = f"/jobs/ingest/{job['id']}/successfulResults"

    clock.advance(7 * DAY_SECONDS)
    log_in_again(caller)
    assert caller.get(path).status_code == 200

    clock.advance(1)
    assert error_of(caller.get(path))[:2] == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"object": "Nope", "operation": "insert"}, "INVALIDENTITY"),
        ({"operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Account", "operation": "merge"}, "INVALIDOPERATION"),
        ({"object": "Account"}, "INVALIDOPERATION"),
        ({"object": "Account", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "upsert", "externalIdFieldName": "Industry"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "insert", "externalIdFieldName": "Id"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "insert", "contentType": "XML"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "insert", "columnDelimiter": ","}, "INVALIDJOB"),
        ({"object": "Account", "operation": "insert", "lineEnding": "CR"}, "INVALIDJOB"),
        ({"object": "Account", "operation": "insert", "nope": 1}, "JSON_PARSER_ERROR"),
        ({"object": 1, "operation": "insert"}, "JSON_PARSER_ERROR"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
def test_a_wrong_creation_is_refused(caller: Caller, body: Any, code: str) -> None:
    assert error_of(caller.post("/jobs/ingest", body))[:2] == (400, code)


def test_content_may_come_with_the_creation(caller: Caller) -> None:
    parts = {
        "job": (None, '{"object":"Account","operation":"insert","contentType":"CSV"}', "application/json"),
        "content": ("content", "Name\na\nb\n", "text/csv"),
    }

    created = caller.post("/jobs/ingest", files=parts).json()

    assert created["state"] == "UploadComplete"
    assert "contentUrl" not in created
    assert caller.wait(created["id"]).records_processed == 2


def test_too_much_content_with_the_creation_is_refused(caller: Caller) -> None:
    parts = {
        "job": (None, '{"object":"Account","operation":"insert"}', "application/json"),
        "content": ("content", "Name\n" + "a\n" * 50_000, "text/csv"),
    }

    assert error_of(caller.post("/jobs/ingest", files=parts))[:2] == (400, "LIMIT_EXCEEDED")


def test_the_list_pages_by_a_thousand(caller: Caller) -> None:
    ids = [caller.new_ingest()["id"] for _ in range(1001)]

    first = caller.get("/jobs/ingest").json()
    second = caller.get(caller.url + first["nextRecordsUrl"]).json()

    assert (first["done"], second["done"], second["nextRecordsUrl"]) == (False, True, None)
    assert [job["id"] for job in first["records"] + second["records"]] == ids
    assert caller.get("/jobs/ingest?jobType=Classic").json()["records"] == []


def test_results_come_compressed_when_the_client_accepts_it(caller: Caller) -> None:
    job = caller.run_ingest("Name\na\n")
    path = f"/jobs/ingest/{job['id']}/successfulResults"

    packed = caller.get(path, headers={"Accept-Encoding": "gzip"}, stream=True)
    plain = caller.get(path, headers={"Accept-Encoding": "identity"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.raw.read(decode_content=False)) == plain.content
    assert plain.headers["Content-Length"] == str(len(plain.content))


def test_a_job_that_gets_no_data_in_a_day_has_failed(caller: Caller, clock: Clock) -> None:
    job_id = caller.new_ingest()["id"]

    clock.advance(DAY_SECONDS + 1)
    log_in_again(caller)

    job = caller.get(f"/jobs/ingest/{job_id}").json()
    assert (job["state"], job["errorMessage"]) == (
        "Failed",
        "Timeout : The job was open for longer than 24 hours",
    )
    assert error_of(caller.put_csv(job_id, "Name\na\n"))[:2] == (400, "INVALIDJOBSTATE")


def test_a_hard_delete_needs_its_permission(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = caller.surface.workers
    monkeypatch.setattr(workers, "settings", dataclasses.replace(workers.settings, hard_delete_allowed=False))

    refused = caller.post("/jobs/ingest", {"object": "Account", "operation": "hardDelete"})

    assert error_of(refused)[:2] == (403, "FEATURENOTENABLED")


@pytest.mark.parametrize(
    ("sobject", "rule", "code"),
    [
        ("Lead", "01Qxx0000000001EAA", None),
        ("Lead", "nope", "INVALIDJOB"),
        ("Account", "01Qxx0000000001", "INVALIDJOB"),
    ],
)
def test_an_assignment_rule_is_for_leads_and_cases(
    caller: Caller, sobject: str, rule: str, code: str | None
) -> None:
    body = {"object": sobject, "operation": "insert", "assignmentRuleId": rule}
    response = caller.post("/jobs/ingest", body)

    if code is None:
        assert response.json()["assignmentRuleId"] == rule
    else:
        assert error_of(response)[:2] == (400, code)


def test_the_daily_records_run_out(caller: Caller) -> None:
    caller.surface.limits.put("DailyBulkRecords", used=0, maximum=2)
    job = caller.run_ingest("Name\na\nb\nc\n")

    assert (job["state"], job["numberRecordsProcessed"]) == ("Failed", 0)
    assert rows_of(caller.results(job["id"], "unprocessedrecords")) == 3
    assert "DailyBulkRecords" not in caller.get("/limits").json()


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ("", 1),
        ("jobType=V2Ingest", 1),
        ("jobType=Classic", 0),
        ("concurrencyMode=Parallel", 1),
        ("concurrencyMode=serial", 0),
        ("isPkChunkingEnabled=false", 1),
        ("isPkChunkingEnabled=true", 0),
    ],
)
def test_the_list_is_filtered(caller: Caller, filters: str, found: int) -> None:
    caller.new_ingest()

    assert len(caller.get(f"/jobs/ingest?{filters}").json()["records"]) == found


def test_a_closed_job_that_waits_can_be_deleted(caller: Caller) -> None:
    job_id = caller.new_ingest()["id"]
    caller.surface.jobs.change(job_id, state="UploadComplete")

    assert caller.delete(f"/jobs/ingest/{job_id}").status_code == 204
