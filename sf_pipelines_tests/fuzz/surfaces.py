"""The surfaces of the org that are fuzzed, each with its share of the requests.

Belongs here: which strategy makes the requests of which surface, and what is asked after each of them. Not
here: running them (run.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from sf_pipelines_tests.fuzz.async_requests import async_requests
from sf_pipelines_tests.fuzz.control_requests import control_requests
from sf_pipelines_tests.fuzz.oauth_requests import oauth_requests
from sf_pipelines_tests.fuzz.org import FuzzedOrg
from sf_pipelines_tests.fuzz.rest_requests import rest_requests
from sf_pipelines_tests.fuzz.soap_requests import soap_requests
from sf_pipelines_tests.fuzz.wire import WireRequest

_DATA = "/services/data/v66.0"


@dataclass(frozen=True, kw_only=True)
class FuzzedSurface:
    """One part of the org's address space."""

    name: str
    percent: int
    """Of all requests of a run."""
    requests: Callable[[FuzzedOrg], st.SearchStrategy[WireRequest]]
    probes: tuple[WireRequest, ...] = ()
    """Sent after each request, since it may have left the org in a state that others can't live with."""
    restore: Callable[[FuzzedOrg], None] | None = None
    """Brings back, before each request, what the one before may have taken away."""

    def count(self, total: int) -> int:
        """Its requests of a run of so many."""
        return max(1, total * self.percent // 100)


_PROBES = (
    WireRequest(method="GET", path=f"{_DATA}/limits"),
    WireRequest(
        method="GET",
        path=f"{_DATA}/query",
        query="q=SELECT+Id+FROM+Account+WHERE+CreatedDate+=+LAST_N_DAYS:30+LIMIT+1",
    ),
    WireRequest(
        method="POST",
        path=f"{_DATA}/sobjects/Account",
        headers={"content-type": "application/json"},
        body=b'{"Name": "probe"}',
    ),
)
SURFACES = (
    FuzzedSurface(
        name="rest", percent=50, requests=lambda org: rest_requests(org.surface.router.routes, org.ids)
    ),
    FuzzedSurface(
        name="async",
        percent=20,
        requests=lambda org: async_requests(org.classic_jobs),
        restore=FuzzedOrg.reopen_jobs,
    ),
    FuzzedSurface(name="soap", percent=10, requests=lambda org: soap_requests(org.credentials)),
    FuzzedSurface(name="oauth", percent=5, requests=lambda org: oauth_requests(org.credentials)),
    FuzzedSurface(
        name="control",
        percent=15,
        requests=lambda org: control_requests(org.ids),
        probes=_PROBES,
        restore=FuzzedOrg.settle,
    ),
)
