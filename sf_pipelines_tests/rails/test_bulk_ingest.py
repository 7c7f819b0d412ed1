from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.errors import (
    BulkJobNotFoundError,
    BulkJobStateError,
    ObjectNotFoundError,
    RefusedError,
    UnknownOutcomeError,
)
from sf_pipelines.rails.ports import BulkJob, JobState, ResultKind, SalesforceClient
from sf_pipelines_tests.rails.scripted_org import Reply, ScriptedOrg, csv_reply, error_reply, json_reply

JOB_ID = "750xx0000000001AAA"
PATH = f"jobs/ingest/{JOB_ID}"
WRONG_STATE = error_reply(400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed")


def job(state: str, **more: Any) -> Reply:
    return json_reply(
        {"id": JOB_ID, "operation": "upsert", "object": "Contact", "state": state, "apiVersion": 66.0} | more
    )


def test_a_job_is_created_for_comma_separated_csv(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "jobs/ingest", job("Open", externalIdFieldName="Key__c"))

    created = client.ingest.create("Contact", Operation.UPSERT, external_id_field="Key__c")

    assert created == BulkJob(id=JOB_ID, sobject="Contact", operation="upsert", state=JobState.OPEN)
    assert org.calls()[0].json() == {
        "object": "Contact",
        "operation": "upsert",
        "externalIdFieldName": "Key__c",
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }


def test_only_an_upsert_has_a_key_field(org: ScriptedOrg, client: SalesforceClient) -> None:
    for operation, key in ((Operation.UPSERT, None), (Operation.INSERT, "Key__c"), (Operation.QUERY, None)):
        with pytest.raises(ValueError, match="upsert"):
            client.ingest.create("Contact", operation, external_id_field=key)

    assert org.received == []


@pytest.mark.parametrize("reply", [Reply(hang_up=True), Reply(status=503), json_reply({"id": JOB_ID})])
def test_a_lost_create_is_told_and_not_repeated(
    org: ScriptedOrg, client: SalesforceClient, reply: Reply
) -> None:
    org.script("POST", "jobs/ingest", reply)

    with pytest.raises(UnknownOutcomeError):
        client.ingest.create("Contact", Operation.INSERT)

    assert len(org.calls()) == 1


def test_an_unknown_object_is_told(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("POST", "jobs/ingest", error_reply(400, "INVALIDENTITY", "Entity 'Cntact' is not supported"))

    with pytest.raises(ObjectNotFoundError, match="Cntact"):
        client.ingest.create("Cntact", Operation.INSERT)


def test_a_lost_upload_is_told_with_its_job_and_not_repeated(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.script("PUT", f"{PATH}/batches", Reply(hang_up=True))

    with pytest.raises(UnknownOutcomeError) as caught:
        client.ingest.upload(JOB_ID, [b"Id\n"])

    assert caught.value.job_id == JOB_ID
    assert len(org.calls()) == 1


def test_a_second_upload_is_refused_by_the_org(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("PUT", f"{PATH}/batches", error_reply(400, "INVALIDJOB", "Found multipe contents for job"))

    with pytest.raises(RefusedError, match="multipe") as caught:
        client.ingest.upload(JOB_ID, [b"Id\n"])

    assert caught.value.job_id == JOB_ID


def test_closing_and_aborting_patch_the_state(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("PATCH", PATH, job("UploadComplete"), job("Aborted"))

    assert client.ingest.close(JOB_ID).state is JobState.UPLOAD_COMPLETE
    assert client.ingest.abort(JOB_ID).state is JobState.ABORTED
    assert [call.json() for call in org.calls()] == [{"state": "UploadComplete"}, {"state": "Aborted"}]


def test_a_lost_close_that_was_done_is_found_by_reading(
    org: ScriptedOrg, client: SalesforceClient, sleeps: list[float]
) -> None:
    org.script("PATCH", PATH, Reply(hang_up=True))
    org.script("GET", PATH, job("InProgress"))

    assert client.ingest.close(JOB_ID).state is JobState.IN_PROGRESS
    assert [call.method for call in org.calls()] == ["PATCH", "GET"]
    assert sleeps == []


def test_a_lost_close_that_was_not_done_is_repeated(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("PATCH", PATH, Reply(status=502), job("UploadComplete"))
    org.script("GET", PATH, job("Open"))

    assert client.ingest.close(JOB_ID).state is JobState.UPLOAD_COMPLETE
    assert [call.method for call in org.calls()] == ["PATCH", "GET", "PATCH"]


def test_a_close_that_is_lost_again_and_again_stays_unknown(
    org: ScriptedOrg, client: SalesforceClient
) -> None:
    org.script("PATCH", PATH, Reply(hang_up=True))
    org.script("GET", PATH, job("Open"))

    with pytest.raises(UnknownOutcomeError) as caught:
        client.ingest.close(JOB_ID)

    assert caught.value.job_id == JOB_ID
    assert len(org.calls("PATCH")) == 5


@pytest.mark.parametrize("state", ["UploadComplete", "InProgress", "JobComplete", "Failed"])
def test_closing_a_closed_job_takes_it_as_it_is(
    org: ScriptedOrg, client: SalesforceClient, state: str
) -> None:
    org.script("PATCH", PATH, WRONG_STATE)
    org.script("GET", PATH, job(state))

    assert client.ingest.close(JOB_ID).state.value == state


def test_closing_an_aborted_job_is_refused(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("PATCH", PATH, WRONG_STATE)
    org.script("GET", PATH, job("Aborted"))

    with pytest.raises(BulkJobStateError):
        client.ingest.close(JOB_ID)


def test_aborting_a_finished_job_is_refused(org: ScriptedOrg, client: SalesforceClient) -> None:
    org.script("PATCH", PATH, WRONG_STATE)
    org.script("GET", PATH, job("JobComplete"))

    with pytest.raises(BulkJobStateError, match="not allowed") as caught:
        client.ingest.abort(JOB_ID)

    assert not caught.value.is_retryable


def test_info_reads_every_counter(org: ScriptedOrg, client: SalesforceClient) -> None:
    counters = {
        "numberRecordsProcessed": 8,
        "numberRecordsFailed": 1,
        "retries": 2,
        "totalProcessingTime": 1_234,
        "errorMessage": "InvalidBatch : Field name not found : Foo__c",
    }
    org.script("GET", PATH, job("Failed", **counters))

    assert client.ingest.info(JOB_ID) == BulkJob(
        id=JOB_ID,
        sobject="Contact",
        operation="upsert",
        state=JobState.FAILED,
        records_processed=8,
        records_failed=1,
        retries=2,
        processing_milliseconds=1_234,
        error_message="InvalidBatch : Field name not found : Foo__c",
    )


def test_an_unknown_job_is_told(org: ScriptedOrg, client: SalesforceClient) -> None:
    with pytest.raises(BulkJobNotFoundError) as caught:
        client.ingest.info(JOB_ID)

    assert caught.value.job_id == JOB_ID


def test_waiting_returns_a_failed_job_instead_of_raising(
    org: ScriptedOrg, client: SalesforceClient, sleeps: list[float]
) -> None:
    org.script("GET", PATH, job("UploadComplete"), job("InProgress"), job("Failed"))

    assert client.ingest.wait(JOB_ID, expected_seconds=20).state is JobState.FAILED
    assert sleeps == pytest.approx([1.0, 1.5, 2.25])
    assert client.org.calls_made == 3


@pytest.mark.parametrize("kind", ResultKind)
def test_each_result_file_has_its_own_path(
    org: ScriptedOrg, client: SalesforceClient, kind: ResultKind
) -> None:
    org.script("GET", f"{PATH}/{kind.value}", csv_reply(kind.value.encode()))

    with client.ingest.results(JOB_ID, kind) as stream:
        assert stream.read() == kind.value.encode()

    assert org.calls()[0].headers["Accept"] == "text/csv"
