from __future__ import annotations

import json
from typing import Any

import pytest

from sf_pipelines.rails.errors import (
    AccessDeniedError,
    BulkJobNotFoundError,
    BulkJobStateError,
    BulkQueryRefusedError,
    ConcurrencyLimitError,
    Facts,
    FieldNotFoundError,
    ObjectNotFoundError,
    OrgUnavailableError,
    RefusedError,
    RequestLimitError,
    SalesforceError,
    SessionExpiredError,
    UnexpectedAnswerError,
    UnknownOutcomeError,
)
from sf_pipelines.rails.refusal import parse_envelope, refusal

GET = Facts(method="GET", path="/services/data/v66.0/query")
DESCRIBE = Facts(method="GET", path="/services/data/v66.0/sobjects/Accout/describe")
WRITE = Facts(method="POST", path="/services/data/v66.0/composite")
NEW_QUERY_JOB = Facts(method="POST", path="/services/data/v66.0/jobs/query")
NEW_INGEST_JOB = Facts(method="POST", path="/services/data/v66.0/jobs/ingest")
JOB = Facts(
    method="GET", path="/services/data/v66.0/jobs/ingest/750000000000001AAA", job_id="750000000000001AAA"
)
HTML = b"<html><head><title> Down for Maintenance </title></head></html>"


def envelope(code: str, message: str = "text") -> bytes:
    return json.dumps([{"errorCode": code, "message": message}]).encode()


def decide(facts: Facts, status: int, body: bytes) -> SalesforceError:
    return refusal(status=status, body=body, is_write=facts.get("method") != "GET", facts=facts)


TABLE: list[Any] = [
    pytest.param(GET, 401, envelope("INVALID_SESSION_ID"), SessionExpiredError, id="session"),
    pytest.param(GET, 401, b"", SessionExpiredError, id="session-empty-body"),
    pytest.param(
        GET,
        403,
        envelope("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        RequestLimitError,
        id="daily-limit",
    ),
    pytest.param(
        WRITE,
        403,
        envelope("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
        ConcurrencyLimitError,
        id="concurrency-limit",
    ),
    pytest.param(
        GET, 403, envelope("REQUEST_LIMIT_EXCEEDED", "new words"), RequestLimitError, id="limit-unclear"
    ),
    pytest.param(GET, 403, envelope("API_DISABLED_FOR_ORG"), AccessDeniedError, id="api-disabled"),
    pytest.param(
        GET, 400, envelope("INSUFFICIENT_ACCESS_OR_READONLY"), AccessDeniedError, id="no-access-400"
    ),
    pytest.param(GET, 403, envelope("SOMETHING_NEW"), AccessDeniedError, id="unknown-403"),
    pytest.param(GET, 403, envelope("TXN_SECURITY_METERING_ERROR"), RefusedError, id="security-metering"),
    pytest.param(
        GET,
        400,
        envelope("INVALID_TYPE", "sObject type 'Accout' is not supported. If you"),
        ObjectNotFoundError,
        id="object",
    ),
    pytest.param(
        GET,
        400,
        envelope("INVALID_FIELD", "No such column 'X' on entity 'Contact'."),
        FieldNotFoundError,
        id="field-soql",
    ),
    pytest.param(
        WRITE,
        400,
        envelope("INVALID_FIELD", "No such column 'X' on sobject of type Account"),
        FieldNotFoundError,
        id="field-write",
    ),
    pytest.param(
        WRITE,
        400,
        envelope("INVALID_FIELD", "Foreign key external ID: v not found for field K__c in entity X"),
        RefusedError,
        id="parent-not-found-is-no-missing-field",
    ),
    pytest.param(GET, 400, envelope("MALFORMED_QUERY"), RefusedError, id="malformed-query"),
    pytest.param(GET, 404, envelope("NOT_FOUND"), RefusedError, id="not-found"),
    pytest.param(JOB, 404, envelope("NOT_FOUND"), BulkJobNotFoundError, id="job-not-found"),
    pytest.param(DESCRIBE, 404, envelope("NOT_FOUND"), ObjectNotFoundError, id="describe-not-found"),
    pytest.param(JOB, 400, envelope("INVALIDJOBSTATE"), BulkJobStateError, id="job-state"),
    pytest.param(JOB, 400, envelope("InvalidJobState"), BulkJobStateError, id="job-state-camel-case"),
    pytest.param(NEW_INGEST_JOB, 400, envelope("INVALIDENTITY"), ObjectNotFoundError, id="ingest-object"),
    pytest.param(
        NEW_QUERY_JOB, 400, envelope("API_ERROR", "Aggregate"), BulkQueryRefusedError, id="bulk-api-error"
    ),
    pytest.param(
        NEW_QUERY_JOB,
        400,
        envelope("INVALIDENTITY", "Entity 'X' is not supported by the Bulk API."),
        BulkQueryRefusedError,
        id="bulk-entity",
    ),
    pytest.param(
        NEW_QUERY_JOB,
        400,
        envelope("OTHER", "Selecting compound data not supported in Bulk Query"),
        BulkQueryRefusedError,
        id="bulk-compound",
    ),
    pytest.param(NEW_QUERY_JOB, 400, envelope("MALFORMED_QUERY"), RefusedError, id="bulk-malformed"),
    pytest.param(
        NEW_QUERY_JOB,
        400,
        envelope("LIMIT_EXCEEDED", "Max bulk v2 query jobs (10000) per 24 hrs has been reached"),
        RequestLimitError,
        id="bulk-jobs-spent",
    ),
    pytest.param(GET, 429, b"", OrgUnavailableError, id="429-read"),
    pytest.param(WRITE, 429, b"", OrgUnavailableError, id="429-write-not-begun"),
    pytest.param(GET, 500, envelope("UNKNOWN_EXCEPTION"), OrgUnavailableError, id="500-read"),
    pytest.param(WRITE, 500, envelope("UNKNOWN_EXCEPTION"), UnknownOutcomeError, id="500-write"),
    pytest.param(GET, 503, HTML, OrgUnavailableError, id="503-html-read"),
    pytest.param(WRITE, 502, HTML, UnknownOutcomeError, id="502-html-write"),
    pytest.param(WRITE, 408, b"", UnknownOutcomeError, id="408-write"),
    pytest.param(GET, 404, HTML, UnexpectedAnswerError, id="404-html"),
    pytest.param(WRITE, 413, HTML, UnexpectedAnswerError, id="413-html"),
    pytest.param(WRITE, 400, envelope("REQUEST_TOO_LARGE"), RefusedError, id="too-large"),
    pytest.param(GET, 302, b"", UnexpectedAnswerError, id="redirect"),
    pytest.param(GET, 400, b"{}", UnexpectedAnswerError, id="json-without-code"),
    pytest.param(GET, 400, b"[]", UnexpectedAnswerError, id="empty-array"),
    pytest.param(GET, 400, b'["x"]', UnexpectedAnswerError, id="array-of-text"),
]


@pytest.mark.parametrize(("facts", "status", "body", "expected"), TABLE)
def test_each_answer_becomes_its_own_class(
    facts: Facts, status: int, body: bytes, expected: type[SalesforceError]
) -> None:
    error = decide(facts, status, body)

    assert type(error) is expected
    assert error.status == status
    assert error.path == facts.get("path")
    assert error.job_id == facts.get("job_id")


def test_an_envelope_gives_code_message_and_fields() -> None:
    body = json.dumps(
        [
            {
                "errorCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [A, B]",
                "fields": ["A", "B"],
            }
        ]
    ).encode()

    error = decide(GET, 400, body)

    assert (error.error_code, error.fields) == ("REQUIRED_FIELD_MISSING", ("A", "B"))
    assert str(error).startswith("REQUIRED_FIELD_MISSING: Required fields are missing: [A, B]")


def test_missing_objects_and_fields_are_named() -> None:
    missing_object = decide(GET, 400, envelope("INVALID_TYPE", "…sObject type 'Accout' is not supported. If"))
    missing_field = decide(
        GET, 400, envelope("INVALID_FIELD", "No such column 'Foo__c' on entity 'Contact'. If")
    )

    assert isinstance(missing_object, ObjectNotFoundError)
    assert missing_object.sobject == "Accout"
    assert isinstance(missing_field, FieldNotFoundError)
    assert (missing_field.field, missing_field.sobject) == ("Foo__c", "Contact")
    assert "no object 'Accout'" in str(missing_object)
    assert "object 'Contact' has no field 'Foo__c'" in str(missing_field)


def test_html_is_named_by_its_title_and_not_quoted() -> None:
    error = decide(GET, 404, HTML + b"<p>internal-address</p>")

    assert "Down for Maintenance" in str(error)
    assert "internal-address" not in str(error)


def test_an_oauth_object_is_an_envelope_too() -> None:
    found = parse_envelope(b'{"error":"invalid_grant","error_description":"authentication failure"}')

    assert found is not None
    assert (found.code, found.message) == ("invalid_grant", "authentication failure")
