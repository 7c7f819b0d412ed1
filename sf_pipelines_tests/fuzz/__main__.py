"""`make fuzz`: made-up requests against orgs in this process, without sockets, a share for each surface.

`python -m sf_pipelines_tests.fuzz [--requests N] [--seed N] [--surface NAME]`. Prints each bad answer once
(the first 20 of a surface), a line for each surface with the statuses that were seen, and one closing line;
exits with 1 when any answer was bad.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from itertools import islice

from hypothesis.errors import HypothesisWarning

from sf_pipelines_tests.fuzz.run import Tally, fuzz
from sf_pipelines_tests.fuzz.surfaces import SURFACES

DEFAULT_REQUESTS = 10_000
_MOST_SHOWN = 20


def main() -> None:
    """Run, print, exit."""
    parser = argparse.ArgumentParser(prog="python -m sf_pipelines_tests.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=DEFAULT_REQUESTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--surface", choices=[surface.name for surface in SURFACES], help="all of them if not given"
    )
    options = parser.parse_args()
    # A refused request is the normal case here; only a fault of the emulator is worth a line.
    logging.basicConfig(level=logging.ERROR)
    # Hypothesis finds the strategies' representations long; nobody reads them.
    warnings.simplefilter("ignore", HypothesisWarning)
    tallies: list[Tally] = []
    for surface in SURFACES:
        if options.surface in (None, surface.name):
            count = options.requests if options.surface else surface.count(options.requests)
            tallies.append(fuzz(surface, count, options.seed))
            _show(tallies[-1])
    requests, failures = sum(one.requests for one in tallies), sum(one.failures for one in tallies)
    sys.stdout.write(f"requests {requests}, unasked 500s {failures}\n")
    sys.exit(0 if all(one.is_clean for one in tallies) else 1)


def _show(tally: Tally) -> None:
    for text, cause in islice(tally.problems.items(), _MOST_SHOWN):
        sys.stdout.write(f"{cause}\n  {text}\n")
    statuses = dict(sorted(tally.statuses.items()))
    sys.stdout.write(
        f"{tally.surface}: requests {tally.requests}, unasked 500s {tally.failures}, "
        f"in a wrong shape {tally.wrong_shapes}, answers by status {statuses}\n"
    )


if __name__ == "__main__":
    main()
