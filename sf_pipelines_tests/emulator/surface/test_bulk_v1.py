"""The Bulk API, version 1, as its documents speak it."""

from __future__ import annotations

import gzip
import re

import pytest

from sf_pipelines_tests.emulator.surface.support import CSV, JSON, XML, AsyncCaller, Caller, assert_golden

SERIAL_JOB = {"operation": "insert", "object": "Account", "contentType": "JSON", "concurrencyMode": "Serial"}


@pytest.fixture
def bulk(caller: Caller) -> AsyncCaller:
    return AsyncCaller(caller)


def test_a_csv_job_goes_its_whole_way_in_xml(bulk: AsyncCaller) -> None:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<jobInfo xmlns="http://www.force.com/2009/06/asyncapi/dataload"><operation>upsert</operation>'
        "<object>Account</object><externalIdFieldName>External_Id__c</externalIdFieldName>"
        "<contentType>CSV</contentType></jobInfo>"
    )
    created = bulk.call("POST", "job", body, **XML)
    job_id = bulk.id_of(created)
    queued = bulk.call("POST", f"job/{job_id}/batch", "External_Id__c,Name\ne-1,a\ne-2,\n", **CSV)
    batch = f"job/{job_id}/batch/{bulk.id_of(queued)}"
    store = bulk.caller.surface.classic
    assert store.wait_until_ended(store.find(job_id).batches[0], 30.0)
    closed = bulk.call("POST", f"job/{job_id}", "<jobInfo><state>Closed</state></jobInfo>", **XML)

    assert_golden("v1_job_created.xml", created.text)
    assert_golden("v1_batch_queued.xml", queued.text)
    assert_golden("v1_batch_completed.xml", bulk.call("GET", batch).text)
    assert_golden("v1_batch_list.xml", bulk.call("GET", f"job/{job_id}/batch").text)
    assert_golden("v1_result.csv", bulk.call("GET", f"{batch}/result").text)
    assert_golden("v1_job_closed.xml", closed.text)
    assert bulk.call("GET", f"{batch}/request").text == "External_Id__c,Name\ne-1,a\ne-2,\n"


def test_a_json_job_goes_its_whole_way_in_json(bulk: AsyncCaller) -> None:
    created = bulk.call(
        "POST", "job", '{"operation":"insert","object":"Account","contentType":"JSON"}', **JSON
    )
    job_id = bulk.id_of(created)
    batch = bulk.run_batch(job_id, '[{"Name":"a","NumberOfEmployees":3},{"Name":null}]', JSON)

    assert_golden("v1_job_created.json", created.json())
    assert_golden("v1_batch_completed.json", bulk.call("GET", batch, **JSON).json())
    assert_golden("v1_result.json", bulk.call("GET", f"{batch}/result", **JSON).json())


def test_an_xml_job_reads_nulls_and_parents_and_answers_in_xml(bulk: AsyncCaller) -> None:
    parent = bulk.caller.create("Account", Name="parent", External_Id__c="p-1", Phone="1")
    body = (
        '<sObjects xmlns="http://www.force.com/2009/06/asyncapi/dataload" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        "<sObject><External_Id__c>c-1</External_Id__c><Name>child</Name>"
        "<Parent><sObject><External_Id__c>p-1</External_Id__c></sObject></Parent></sObject>"
        '<sObject><External_Id__c>p-1</External_Id__c><Phone xsi:nil="true"/></sObject>'
        "<sObject><External_Id__c>c-2</External_Id__c></sObject></sObjects>"
    )
    key = "<externalIdFieldName>External_Id__c</externalIdFieldName>"
    batch = bulk.run_batch(bulk.new_job("upsert", "XML", key), body, XML)

    assert_golden("v1_result.xml", bulk.call("GET", f"{batch}/result").text)
    rows = bulk.caller.query("SELECT Name, ParentId, Phone FROM Account ORDER BY Name")["records"]
    assert [(row["Name"], row["ParentId"], row["Phone"]) for row in rows] == [
        ("child", parent, None),
        ("parent", None, None),
    ]


@pytest.mark.parametrize(
    ("content_type", "headers"), [("CSV", CSV), ("JSON", JSON), ("XML", XML)], ids=["csv", "json", "xml"]
)
def test_a_query_gives_result_ids_and_then_rows(
    bulk: AsyncCaller, content_type: str, headers: dict[str, str]
) -> None:
    bulk.caller.create("Account", Name='say "hi" & <go>', AnnualRevenue=912260031)
    job_id = bulk.new_job("query", content_type)
    batch = bulk.run_batch(job_id, "SELECT Name, AnnualRevenue, Phone, CreatedDate FROM Account", headers)

    listed = bulk.call("GET", f"{batch}/result").text
    (result_id,) = re.findall(r"752\w{15}", listed)
    kind = content_type.lower()
    assert_golden(f"v1_query_ids_{kind}.txt", listed)
    assert_golden(f"v1_query_rows.{kind}", bulk.call("GET", f"{batch}/result/{result_id}").text)


def test_a_query_without_rows_is_an_empty_array(bulk: AsyncCaller) -> None:
    batch = bulk.run_batch(bulk.new_job("query", "JSON"), "SELECT Name FROM Account", JSON)
    (result_id,) = bulk.call("GET", f"{batch}/result").json()

    assert bulk.call("GET", f"{batch}/result/{result_id}").json() == []


def test_content_in_an_unknown_encoding_fails_its_batch(bulk: AsyncCaller) -> None:
    content = "<?xml version='1.0' encoding='nope'?><sObjects/>"
    info = bulk.info(bulk.run_batch(bulk.new_job("insert", "XML"), content, XML))

    assert info["state"] == "Failed"
    assert info["stateMessage"] == "InvalidBatch : Unable to parse XML: unknown encoding: nope"


@pytest.mark.parametrize(
    ("operation", "content_type", "headers"),
    [("query", "CSV", CSV), ("insert", "CSV", CSV), ("insert", "JSON", JSON), ("insert", "XML", XML)],
)
def test_content_that_is_no_text_fails_its_batch(
    bulk: AsyncCaller, operation: str, content_type: str, headers: dict[str, str]
) -> None:
    batch = bulk.run_batch(bulk.new_job(operation, content_type), b"Name\n\xff\n", headers)

    info = bulk.info(batch)
    assert (info["state"], str(info["stateMessage"]).partition(" ")[0]) == ("Failed", "InvalidBatch")


@pytest.mark.parametrize("depth", [3, 2_000])
def test_a_parent_of_a_parent_fails_its_batch(bulk: AsyncCaller, depth: int) -> None:
    parents = "<sObject><Parent>" * depth + "</Parent></sObject>" * depth
    batch = bulk.run_batch(bulk.new_job("insert", "XML"), f"<sObjects>{parents}</sObjects>", XML)

    assert bulk.info(batch)["stateMessage"] == (
        "InvalidBatch : Unable to parse XML: no value of Parent can have elements"
    )


def test_a_character_that_xml_cannot_hold_leaves_the_answer_readable(bulk: AsyncCaller) -> None:
    facts = '{"operation":"insert","object":"Account","contentType":"XML","assignmentRuleId":"\\u0000&"}'
    job_id = bulk.id_of(bulk.call("POST", "job", facts, **JSON))

    assert bulk.info(f"job/{job_id}")["assignmentRuleId"] == "\ufffd&"


def test_a_compressed_job_document_is_read(bulk: AsyncCaller) -> None:
    document = "<jobInfo><operation>insert</operation><object>Account</object></jobInfo>"
    packed = gzip.compress(document.encode())

    assert bulk.id_of(bulk.call("POST", "job", packed, **XML, **{"Content-Encoding": "gzip"}))


def test_an_unknown_field_fails_the_whole_batch(bulk: AsyncCaller) -> None:
    batch = bulk.run_batch(bulk.new_job("insert", "CSV"), "Name,Nope\na,b\n", CSV)

    info = bulk.info(batch)
    assert (info["state"], info["stateMessage"]) == ("Failed", "InvalidBatch : Field name not found : Nope")


def test_refused_soql_fails_the_batch(bulk: AsyncCaller) -> None:
    batch = bulk.run_batch(bulk.new_job("query", "CSV"), "SELECT COUNT() FROM Account", CSV)

    assert bulk.info(batch)["state"] == "Failed"


def test_batches_share_the_daily_allocation_with_version_2(bulk: AsyncCaller) -> None:
    bulk.caller.surface.limits.put("DailyBulkApiBatches", used=0, maximum=2)
    job_id = bulk.new_job("insert", "CSV")
    bulk.run_batch(job_id, "Name\na\n", CSV)
    bulk.caller.run_ingest("Name\na\n")

    refused = bulk.call("POST", f"job/{job_id}/batch", "Name\nb\n", **CSV)

    assert refused.status_code == 400
    assert "<exceptionCode>ExceededQuota</exceptionCode>" in refused.text


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        (XML, "<exceptionCode>InvalidSessionId</exceptionCode>"),
        (JSON, '"exceptionCode":"InvalidSessionId"'),
    ],
    ids=["xml", "json"],
)
def test_a_wrong_session_is_told_in_the_callers_form(
    bulk: AsyncCaller, headers: dict[str, str], answer: str
) -> None:
    refused = bulk.call("GET", "job/750xx0000000001AAA", **headers, **{"X-SFDC-Session": "nope"})

    assert (refused.status_code, answer in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "job", "<jobInfo><operation>merge</operation></jobInfo>", "InvalidJob"),
        (
            "POST",
            "job",
            "<jobInfo><operation>insert</operation><object>No</object></jobInfo>",
            "InvalidEntity",
        ),
        ("POST", "job", "<nope/>", "InvalidXML"),
        ("POST", "job", "no xml", "InvalidXML"),
        ("POST", "job", "<!DOCTYPE x [<!ENTITY y 'z'>]><jobInfo/>", "InvalidXML"),
        ("POST", "job", "<?xml version='1.0' encoding='nope'?><jobInfo/>", "InvalidXML"),
        ("POST", "job", "<?xml version='1.0' encoding='utf-7'?><jobInfo/>", "InvalidXML"),
        ("GET", "job/750xx000000zzzzAAA", "", "InvalidJob"),
        ("GET", "job/nope", "", "InvalidUrl"),
        ("GET", "nope", "", "InvalidUrl"),
        ("DELETE", "job", "", "InvalidUrl"),
    ],
)
def test_a_wrong_call_is_refused_with_a_code(
    bulk: AsyncCaller, method: str, path: str, body: str, code: str
) -> None:
    refused = bulk.call(method, path, body, **XML)

    assert refused.status_code in (400, 404, 405)
    assert f"<exceptionCode>{code}</exceptionCode>" in refused.text


def test_an_unknown_version_is_refused(bulk: AsyncCaller) -> None:
    refused = bulk.http.get(f"{bulk.caller.url}/services/async/9.9/job/750xx0000000001AAA", timeout=10)

    assert "<exceptionCode>InvalidVersion</exceptionCode>" in refused.text


def test_a_closed_job_takes_no_batch_and_an_aborted_one_processes_none(bulk: AsyncCaller) -> None:
    closed, aborted = bulk.new_job("insert", "CSV"), bulk.new_job("insert", "CSV")
    bulk.call("POST", f"job/{closed}", "<jobInfo><state>Closed</state></jobInfo>", **XML)
    bulk.call("POST", f"job/{aborted}", "<jobInfo><state>Aborted</state></jobInfo>", **XML)

    for job_id in (closed, aborted):
        refused = bulk.call("POST", f"job/{job_id}/batch", "Name\na\n", **CSV)
        assert "<exceptionCode>InvalidJobState</exceptionCode>" in refused.text
    again = bulk.call("POST", f"job/{aborted}", "<jobInfo><state>Closed</state></jobInfo>", **XML)
    assert "<exceptionCode>InvalidJobState</exceptionCode>" in again.text


def test_content_must_be_of_the_jobs_type_and_size(bulk: AsyncCaller) -> None:
    job_id = bulk.new_job("insert", "CSV")

    wrong = bulk.call("POST", f"job/{job_id}/batch", "[]", **JSON)
    large = bulk.call("POST", f"job/{job_id}/batch", "Name\n" + "a\n" * 5_000_000, **CSV)

    assert wrong.json()["exceptionCode"] == "ClientInputError"
    assert "Failed to read request. Exceeded max size limit of 10000000" in large.text


def test_more_than_ten_thousand_records_fail_the_batch(bulk: AsyncCaller) -> None:
    batch = bulk.run_batch(bulk.new_job("insert", "CSV"), "Name\n" + "a\n" * 10_001, CSV)

    assert bulk.info(batch)["state"] == "Failed"
    assert bulk.caller.query("SELECT COUNT() FROM Account")["totalSize"] == 0


def test_pk_chunking_is_refused(bulk: AsyncCaller) -> None:
    body = "<jobInfo><operation>query</operation><object>Account</object></jobInfo>"
    refused = bulk.call("POST", "job", body, **XML, **{"Sforce-Enable-PKChunking": "TRUE"})

    assert "<exceptionCode>FeatureNotEnabled</exceptionCode>" in refused.text


def test_the_list_of_version_2_has_these_jobs_as_classic(bulk: AsyncCaller) -> None:
    job_id = bulk.new_job("insert", "CSV")
    bulk.id_of(bulk.call("POST", "job", str(SERIAL_JOB).replace("'", '"'), **JSON))
    new = bulk.caller.new_ingest()["id"]

    def ids(filters: str) -> list[str]:
        return [job["id"] for job in bulk.caller.get(f"/jobs/ingest?{filters}").json()["records"]]

    assert len(ids("")) == 3
    assert ids("jobType=Classic&concurrencyMode=parallel") == [job_id]
    assert ids("jobType=V2Ingest") == [new]
    assert ids("isPkChunkingEnabled=true") == []
