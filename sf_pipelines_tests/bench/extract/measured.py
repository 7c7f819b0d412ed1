"""One contender's figures from inside its own process, as JSON on standard output.

Imports nothing heavy, so that it can stand in an environment without sf_pipelines.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager


class Stopwatch:
    """Wall and CPU seconds of the process and its children, less what is left out.

    Attributes:
        waited_seconds: spent on waiting for the org's query job.
    """

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._cpu_before = _cpu_seconds()
        self.waited_seconds = 0.0
        self._out_seconds = self._out_cpu_seconds = 0.0

    @contextmanager
    def waiting(self) -> Generator[None]:
        """What happens here is the org's work."""
        began = time.perf_counter()
        yield
        self.waited_seconds += time.perf_counter() - began

    @contextmanager
    def left_out(self) -> Generator[None]:
        """What happens here does not count, since the other contenders do not do it."""
        began, cpu = time.perf_counter(), _cpu_seconds()
        yield
        self._out_seconds += time.perf_counter() - began
        self._out_cpu_seconds += _cpu_seconds() - cpu

    def tell(self, *, rows: int, **more: float) -> None:
        """Print the figures."""
        figures = {
            "rows": rows,
            "wall_seconds": round(time.perf_counter() - self._started - self._out_seconds, 2),
            "waited_seconds": round(self.waited_seconds, 2),
            "cpu_seconds": round(_cpu_seconds() - self._cpu_before - self._out_cpu_seconds, 2),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            **more,
        }
        sys.stdout.write(json.dumps(figures) + "\n")


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
