"""`make fuzz`: made-up requests against an org in this process, without sockets.

`python -m sf_pipelines_tests.fuzz [--requests N] [--seed N]`. Prints each bad answer once (the first 20), the
statuses that were seen, and one closing line; exits with 1 when any answer was bad.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections import Counter

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisWarning

from sf_pipelines_tests.fuzz.org import FuzzedOrg, fuzzed_org
from sf_pipelines_tests.fuzz.strategies import requests
from sf_pipelines_tests.fuzz.verdict import complaint
from sf_pipelines_tests.fuzz.wire import WireRequest

DEFAULT_REQUESTS = 10_000
_MOST_SHOWN = 20


class _Tally:
    """What the run has seen."""

    def __init__(self) -> None:
        self.requests = 0
        self.server_errors = 0
        self.bad_shapes = 0
        self.statuses: Counter[int] = Counter()
        self._shown: set[str] = set()

    def judge(self, org: FuzzedOrg, request: WireRequest) -> None:
        """Send it and count what is wrong with the answer."""
        answer = org.send(request)
        self.requests += 1
        self.statuses[answer.status] += 1
        problem = complaint(request, answer)
        if problem is None:
            return
        if answer.status >= 500 or "status 5" in problem:
            self.server_errors += 1
        else:
            self.bad_shapes += 1
        if problem not in self._shown and len(self._shown) < _MOST_SHOWN:
            self._shown.add(problem)
            sys.stdout.write(f"{request}\n  {problem}\n")


def main() -> None:
    """Run, print, exit."""
    parser = argparse.ArgumentParser(prog="python -m sf_pipelines_tests.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=DEFAULT_REQUESTS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    # A refused request is the normal case here; only a fault of the emulator is worth a line.
    logging.basicConfig(level=logging.ERROR)
    # Hypothesis finds the strategies' representations long; nobody reads them.
    warnings.simplefilter("ignore", HypothesisWarning)
    tally = _Tally()
    with fuzzed_org() as org:
        _run(org, tally, options.requests, options.seed)
    statuses = dict(sorted(tally.statuses.items()))
    sys.stdout.write(f"answers by status {statuses}, in a wrong shape {tally.bad_shapes}\n")
    sys.stdout.write(f"requests {tally.requests}, unasked 500s {tally.server_errors}\n")
    sys.exit(1 if tally.server_errors or tally.bad_shapes else 0)


def _run(org: FuzzedOrg, tally: _Tally, count: int, seed_number: int) -> None:
    @seed(seed_number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(org.surface.router.routes, org.ids))
    def run(request: WireRequest) -> None:
        tally.judge(org, request)

    run()


if __name__ == "__main__":
    main()
