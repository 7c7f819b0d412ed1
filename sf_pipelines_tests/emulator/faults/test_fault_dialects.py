"""A fault that answers in the org's place speaks as the surface that was called."""

from __future__ import annotations

import pytest
import requests

from sf_pipelines.emulator.handle import EmulatedOrg
from sf_pipelines_tests.emulator.surface.support import JSON, XML, AsyncCaller, Caller, error_of

SOAP, ASYNC, TOKEN = "/services/Soap/u/62.0", "/services/async/66.0/job", "/services/oauth2/token"


def post(org: EmulatedOrg, path: str, **headers: str) -> requests.Response:
    return requests.post(org.url + path, data=b"", headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("session_expired", 400, "InvalidSessionId"),
        ("quota", 403, "ExceededQuota"),
        ("status", 503, "ServerUnavailable"),
    ],
)
def test_the_bulk_api_of_version_1_has_its_own_codes_in_xml_and_json(
    salesforce_org: EmulatedOrg, kind: str, status: int, code: str
) -> None:
    salesforce_org.fault(kind)
    as_xml, as_json = post(salesforce_org, ASYNC, **XML), post(salesforce_org, ASYNC, **JSON)

    assert (as_xml.status_code, as_json.status_code) == (status, status)
    assert f"<exceptionCode>{code}</exceptionCode>" in as_xml.text
    assert as_json.json()["exceptionCode"] == code


def test_soap_has_faults_and_oauth_an_object(salesforce_org: EmulatedOrg) -> None:
    salesforce_org.fault("status", status=503)
    soap, token = post(salesforce_org, SOAP), post(salesforce_org, TOKEN)

    assert (soap.status_code, soap.headers["content-type"]) == (503, "text/xml;charset=UTF-8")
    assert "<faultcode>SERVER_UNAVAILABLE</faultcode>" in soap.text
    assert (token.status_code, token.json()["error"]) == (503, "server_unavailable")


@pytest.mark.parametrize("path", [SOAP, ASYNC, TOKEN, "/services/data/v66.0/limits"])
def test_the_status_that_was_asked_for_is_that_of_every_surface(
    salesforce_org: EmulatedOrg, path: str
) -> None:
    salesforce_org.fault("status", status=429)

    assert post(salesforce_org, path).status_code == 429


def test_a_path_of_no_surface_has_the_envelope(salesforce_org: EmulatedOrg) -> None:
    assert error_of(post(salesforce_org, "/services/Soap/m/62.0"))[:2] == (404, "NOT_FOUND")
    assert error_of(post(salesforce_org, "/services/oauth2/nope"))[:2] == (404, "NOT_FOUND")


def test_the_effect_of_a_batch_stays_when_its_answer_is_lost(
    salesforce_org: EmulatedOrg, caller: Caller, bulk: AsyncCaller
) -> None:
    job_id = bulk.new_job("insert", "CSV")
    salesforce_org.fault("status", path="*/batch", when="after", first=1)
    lost = bulk.call("POST", f"job/{job_id}/batch", "Name\na\n", **{"Content-Type": "text/csv"})
    batch = salesforce_org.surface.classic.find(job_id).batches[0]

    assert lost.status_code == 503
    assert salesforce_org.surface.classic.wait_until_ended(batch, 30.0)
    assert caller.query("SELECT COUNT() FROM Account")["totalSize"] == 1
