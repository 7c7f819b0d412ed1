"""A few hundred of the requests that `make fuzz` makes by the ten thousand."""

from __future__ import annotations

import pytest

from sf_pipelines_tests.fuzz.org import FuzzedOrg, fuzzed_org
from sf_pipelines_tests.fuzz.run import fuzz
from sf_pipelines_tests.fuzz.surfaces import SURFACES, FuzzedSurface
from sf_pipelines_tests.fuzz.verdict import complaint
from sf_pipelines_tests.fuzz.wire import WireAnswer, WireRequest

NOBODY = WireRequest(method="GET", path="/services/data/v66.0/limits")
SOAP = WireRequest(method="POST", path="/services/Soap/u/62.0")
ASYNC = WireRequest(method="POST", path="/services/async/66.0/job")
REQUESTS = 800
FAULT = (
    b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>'
    b"<faultcode>%s</faultcode><faultstring>%s</faultstring></e:Fault></e:Body></e:Envelope>"
)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_no_request_makes_the_org_fail_or_refuse_in_another_shape(surface: FuzzedSurface) -> None:
    tally = fuzz(surface, surface.count(REQUESTS), seed_number=0)

    assert tally.problems == {}
    assert tally.requests == surface.count(REQUESTS)


def test_the_shares_of_the_surfaces_are_a_whole() -> None:
    assert sum(surface.percent for surface in SURFACES) == 100


def test_every_route_refuses_a_caller_without_a_session_in_the_same_shape() -> None:
    with fuzzed_org() as org:
        _refuses_strangers(org)


def _refuses_strangers(org: FuzzedOrg) -> None:
    for route in org.surface.router.routes:
        path = "/services/data/v66.0/" + route.pattern.replace("~", "").replace("{", "").replace("}", "")
        request = WireRequest(method="GET", path=path)
        answer = org.send(request, with_session=False)

        assert (answer.status, complaint(request, answer)) == (401, None)


def as_json(status: int, body: bytes) -> WireAnswer:
    return WireAnswer(status=status, headers={"content-type": "application/json"}, raw=body)


def as_xml(status: int, body: bytes, media_type: str = "text/xml") -> WireAnswer:
    return WireAnswer(status=status, headers={"content-type": media_type}, raw=body)


@pytest.mark.parametrize(
    ("request_", "answer", "is_failure"),
    [
        (NOBODY, as_json(500, b'[{"message":"","errorCode":""}]'), True),
        (NOBODY, as_xml(404, b"Not Found", "text/plain"), False),
        (NOBODY, as_json(400, b'{"error": "invalid"}'), False),
        (NOBODY, as_json(400, b"[]"), False),
        (NOBODY, as_json(200, b"{"), False),
        (NOBODY, as_json(200, b'{"compositeResponse": [{"httpStatusCode": 500}]}'), False),
        (SOAP, as_xml(500, FAULT % (b"UNKNOWN_EXCEPTION", b"x")), True),
        (SOAP, as_xml(500, FAULT % (b"sf:odd", b"x")), False),
        (SOAP, as_xml(500, FAULT % (b"INVALID_LOGIN", b"")), False),
        (SOAP, as_xml(500, b"<a/>"), False),
        (SOAP, as_xml(200, b"\0"), False),
        (SOAP, as_json(405, b'[{"message":"x","errorCode":"METHOD_NOT_ALLOWED"}]'), False),
        (ASYNC, as_json(500, b'{"exceptionCode":"InternalServerError","exceptionMessage":"x"}'), True),
        (ASYNC, as_json(400, b'{"exceptionCode":"INVALID_JOB","exceptionMessage":"x"}'), False),
        (ASYNC, as_json(400, b'[{"message":"x","errorCode":"INVALIDJOB"}]'), False),
        (ASYNC, as_xml(400, b"<error/>", "application/xml"), False),
        (ASYNC, as_xml(200, b"<jobInfo", "application/xml"), False),
    ],
)
def test_a_bad_answer_does_not_pass(request_: WireRequest, answer: WireAnswer, is_failure: bool) -> None:
    found = complaint(request_, answer)

    assert found is not None
    assert found.is_failure is is_failure
