from __future__ import annotations

import pytest

from sf_pipelines.emulator.http.call_options import CALL_OPTIONS, client_name, updates_recent_items
from sf_pipelines.emulator.http.messages import ApiRequest
from sf_pipelines.emulator.http.subrequests import inner_request
from sf_pipelines_tests.emulator.surface.support import Caller


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("client=MyApp", "MyApp"),
        ("client=My App/1.0, defaultNamespace=ns", "My App/1.0"),
        ("defaultNamespace=ns; CLIENT = x ", "x"),
        ("defaultNamespace=client", None),
        ("client=", None),
        ("", None),
    ],
)
def test_the_client_is_read_from_the_call_options(value: str, client: str | None) -> None:
    assert client_name({CALL_OPTIONS: value}) == client


@pytest.mark.parametrize(
    ("value", "updates"),
    [("updateMru=true", True), ("updateMru=FALSE", False), ("", True), ("nonsense", True)],
)
def test_recent_items_are_updated_unless_the_caller_says_no(value: str, updates: bool) -> None:
    assert updates_recent_items({"sforce-mru": value}) is updates


def test_a_subrequest_comes_from_the_client_of_its_call(caller: Caller) -> None:
    session = caller.surface.oauth.open_session()
    outer = ApiRequest(
        method="POST",
        version="66.0",
        segments=("composite",),
        session=session,
        base_url=caller.url,
        headers={CALL_OPTIONS: "client=loader", "if-match": '"x"'},
    )

    inner = inner_request(
        outer, method="GET", version="v62.0", path="limits", query="a=b", headers={}, body=None
    )

    assert (inner.client_name, inner.version, inner.query) == ("loader", "62.0", {"a": "b"})
    assert "if-match" not in inner.headers
