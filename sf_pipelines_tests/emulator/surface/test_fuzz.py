"""A few hundred of the requests that `make fuzz` makes by the ten thousand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from sf_pipelines_tests.fuzz.org import FuzzedOrg, fuzzed_org
from sf_pipelines_tests.fuzz.strategies import requests
from sf_pipelines_tests.fuzz.verdict import complaint
from sf_pipelines_tests.fuzz.wire import WireAnswer, WireRequest

FUZZ = settings(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
NOBODY = WireRequest(method="GET", path="/services/data/v66.0/limits")


@pytest.fixture(scope="module")
def org() -> Iterator[FuzzedOrg]:
    with fuzzed_org() as opened:
        yield opened


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_no_request_makes_the_org_fail_or_refuse_in_another_shape(org: FuzzedOrg) -> None:
    @settings(FUZZ, max_examples=400)
    @given(requests(org.surface.router.routes, org.ids))
    def every_answer_is_right(request: WireRequest) -> None:
        assert complaint(request, org.send(request)) is None

    every_answer_is_right()


def test_every_route_refuses_a_caller_without_a_session_in_the_same_shape(org: FuzzedOrg) -> None:
    for route in org.surface.router.routes:
        path = "/services/data/v66.0/" + route.pattern.replace("~", "").replace("{", "").replace("}", "")
        request = WireRequest(method="GET", path=path)
        answer = org.send(request, with_session=False)

        assert (answer.status, complaint(request, answer)) == (401, None)


@pytest.mark.parametrize(
    "answer",
    [
        WireAnswer(
            status=500, headers={"content-type": "application/json"}, raw=b'[{"message":"","errorCode":""}]'
        ),
        WireAnswer(status=404, headers={"content-type": "text/plain"}, raw=b"Not Found"),
        WireAnswer(status=400, headers={"content-type": "application/json"}, raw=b'{"error": "invalid"}'),
        WireAnswer(status=400, headers={"content-type": "application/json"}, raw=b"[]"),
        WireAnswer(status=200, headers={"content-type": "application/json"}, raw=b"{"),
        WireAnswer(
            status=200,
            headers={"content-type": "application/json"},
            raw=b'{"compositeResponse": [{"httpStatusCode": 500}]}',
        ),
    ],
)
def test_a_bad_answer_does_not_pass(answer: WireAnswer) -> None:
    assert complaint(NOBODY, answer) is not None
