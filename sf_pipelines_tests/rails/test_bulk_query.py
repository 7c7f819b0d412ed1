from __future__ import annotations

import pytest

from sf_pipelines.rails.errors import (
    BrokenTransferError,
    BulkQueryRefusedError,
    UnexpectedAnswerError,
    UnknownOutcomeError,
)
from sf_pipelines.rails.ports import JobState, QueryPage, SalesforceClient
from sf_pipelines_tests.rails.scripted_org import (
    Reply,
    ScriptedOrg,
    csv_reply,
    error_reply,
    json_reply,
)

JOB_ID = "750000000000002AAA"
PATH = f"jobs/query/{JOB_ID}"
RESULTS = f"{PATH}/results"
SOQL = "SELECT Id FROM Account"


def page(body: bytes, rows: int, locator: str, **more: int) -> Reply:
    return csv_reply(body, headers={"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(rows)}, **more)


def read_whole(item: QueryPage) -> bytes:
    return item.stream.read()


@pytest.fixture
def three_pages(org: ScriptedOrg) -> None:
    pages = {
        None: page(b"Id\n1\n2\n", 2, "MTk"),
        "MTk": page(b"Id\n3\n4\n", 2, "Mjk"),
        "Mjk": page(b"Id\n5\n", 1, "null"),
    }
    org.script("GET", RESULTS, lambda request: pages[request.query.get("locator")])


def test_a_job_is_created_with_its_soql(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script(
        "POST", "jobs/query", json_reply({"id": JOB_ID, "operation": "query", "state": "UploadComplete"})
    )

    job = client.queries.create(SOQL)
    client.queries.create(SOQL, include_deleted=True)

    assert (job.id, job.state, job.sobject) == (JOB_ID, JobState.UPLOAD_COMPLETE, None)
    first, second = (call.json() for call in org.calls())
    csv_format = {"contentType": "CSV", "columnDelimiter": "COMMA", "lineEnding": "LF"}
    assert first == {"operation": "query", "query": SOQL} | csv_format
    assert second["operation"] == "queryAll"


def test_soql_that_bulk_cannot_run_is_told_apart(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "jobs/query", error_reply(400, "API_ERROR", "Selecting compound data not supported"))

    with pytest.raises(BulkQueryRefusedError, match="compound"):
        client.queries.create("SELECT BillingAddress FROM Account")


def test_a_lost_create_is_told_and_not_repeated(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "jobs/query", Reply(hang_up=True))

    with pytest.raises(UnknownOutcomeError):
        client.queries.create(SOQL)

    assert len(org.calls()) == 1


def test_waiting_polls_the_job(org: ScriptedOrg, client: SalesforceClient, sleeps: list[float]) -> None:
    states = ["InProgress", "JobComplete"]
    org.script(
        "GET", PATH, *[json_reply({"id": JOB_ID, "operation": "query", "state": state}) for state in states]
    )

    assert client.queries.wait(JOB_ID, expected_seconds=5).state is JobState.JOB_COMPLETE
    assert sleeps == [0.5, 0.75]


@pytest.mark.usefixtures("three_pages")
def test_pages_are_followed_until_the_locator_reads_null(org: ScriptedOrg, client: SalesforceClient) -> None:
    seen = [
        (page.number, page.rows_reported, page.locator, page.next_locator, page.stream.read())
        for page in client.queries.pages(JOB_ID, page_rows=2)
    ]

    assert seen == [
        (1, 2, None, "MTk", b"Id\n1\n2\n"),
        (2, 2, "MTk", "Mjk", b"Id\n3\n4\n"),
        (3, 1, "Mjk", None, b"Id\n5\n"),
    ]
    assert [call.query for call in org.calls()] == [
        {"maxRecords": "2"},
        {"maxRecords": "2", "locator": "MTk"},
        {"maxRecords": "2", "locator": "Mjk"},
    ]


@pytest.mark.usefixtures("three_pages")
def test_a_page_that_was_not_read_to_its_end_cannot_be_skipped(client: SalesforceClient) -> None:
    pages = client.queries.pages(JOB_ID, page_rows=2)
    next(pages).stream.read(3)

    with pytest.raises(ValueError, match="Page 1"):
        next(pages)


def test_a_broken_page_says_what_to_ask_again(org: ScriptedOrg, client: SalesforceClient) -> None:
    whole = page(b"Id\n3\n4\n", 2, "null")
    cut = page(b"Id\n3\n4\n", 2, "null", cut_after=4)
    second = iter([cut, whole])
    first = page(b"Id\n1\n2\n", 2, "MTk")
    org.script("GET", RESULTS, lambda request: next(second) if "locator" in request.query else first)

    pages = client.queries.pages(JOB_ID, page_rows=2)
    with pytest.raises(BrokenTransferError, match=r"page 2 \(locator MTk\)") as caught:
        list(map(read_whole, pages))
    error = caught.value
    with client.queries.page(JOB_ID, locator=error.locator, page_rows=2, number=2) as again:
        rows = again.stream.read()

    assert (error.page_number, error.locator, error.job_id) == (2, "MTk", JOB_ID)
    assert rows == b"Id\n3\n4\n"
    assert again.next_locator is None


def test_a_page_that_broke_unread_is_found_before_the_next(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.script("GET", RESULTS, page(b"Id\n1\n2\n", 2, "MTk", cut_after=5))
    pages = client.queries.pages(JOB_ID, page_rows=2)

    assert next(pages).stream.read(5) == b"Id\n1\n"
    with pytest.raises(BrokenTransferError):
        next(pages)


def test_rows_without_a_locator_are_not_taken_for_the_last_page(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.script("GET", RESULTS, csv_reply(b"Id\n1\n", headers={"Sforce-NumberOfRecords": "1"}))

    with pytest.raises(UnexpectedAnswerError, match="Sforce-Locator"):
        next(client.queries.pages(JOB_ID, page_rows=2))


def test_a_result_without_rows_is_one_empty_page(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("GET", RESULTS, csv_reply(b""))

    pages = [(item.rows_reported, item.stream.read()) for item in client.queries.pages(JOB_ID, page_rows=2)]

    assert pages == [(0, b"")]
