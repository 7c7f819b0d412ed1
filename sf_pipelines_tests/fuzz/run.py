"""Sends one surface's share of made-up requests and counts what is wrong.

Belongs here: the loop and its tally. Not here: what is printed (__main__.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings

from sf_pipelines_tests.fuzz.org import FuzzedOrg, fuzzed_org
from sf_pipelines_tests.fuzz.surfaces import FuzzedSurface
from sf_pipelines_tests.fuzz.verdict import Complaint, complaint
from sf_pipelines_tests.fuzz.wire import WireRequest


@dataclass(kw_only=True)
class Tally:
    """What a run has seen on one surface."""

    surface: str
    requests: int = 0
    failures: int = 0
    """Answers (and jobs inside) that are 500s which nobody asked for."""
    wrong_shapes: int = 0
    statuses: Counter[int] = field(default_factory=Counter[int])
    problems: dict[str, str] = field(default_factory=dict[str, str])
    """Each kind of bad answer, with one request that has it."""

    @property
    def is_clean(self) -> bool:
        """True when every answer was right."""
        return not self.failures and not self.wrong_shapes

    def note(self, cause: str, found: Complaint) -> None:
        """Count a bad answer."""
        self.failures += found.is_failure
        self.wrong_shapes += not found.is_failure
        self.problems.setdefault(found.text, cause)


def fuzz(surface: FuzzedSurface, count: int, seed_number: int) -> Tally:
    """Send `count` requests to an org of its own."""
    tally = Tally(surface=surface.name)
    with fuzzed_org() as org:
        _send_all(surface, org, tally, count, seed_number)
        for text in org.failures_inside():
            tally.note(surface.name, Complaint(text=text, is_failure=True))
    return tally


def _send_all(surface: FuzzedSurface, org: FuzzedOrg, tally: Tally, count: int, seed_number: int) -> None:
    @seed(seed_number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    @given(surface.requests(org))
    def send(request: WireRequest) -> None:
        tally.requests += 1
        if surface.restore is not None:
            surface.restore(org)
        for one, found in _complaints(surface, org, tally, request):
            tally.note(str(one), found)

    send()


def _complaints(
    surface: FuzzedSurface, org: FuzzedOrg, tally: Tally, request: WireRequest
) -> Iterator[tuple[WireRequest, Complaint]]:
    answer = org.send(request)
    tally.statuses[answer.status] += 1
    probes = [probe for probe in surface.probes if probe.method == "GET" or org.is_instant]
    answers = [(request, answer), *((probe, org.send(probe)) for probe in probes)]
    for asked, given_back in answers:
        found = complaint(asked, given_back)
        if found is not None:
            yield request, found
