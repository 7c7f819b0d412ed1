"""`run_extract` as a Dagster run calls it; merging is measured apart, since no other contender does it.

Settings come from the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sf_pipelines.config.settings import load_settings
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.slice import Window
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.resources.pipelines import open_tools
from sf_pipelines.workflows import read_parts
from sf_pipelines.workflows.extract import ExtractRequest, run_extract
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.bench.extract.measured import Stopwatch
from sf_pipelines_tests.bench.extract.query import FIELDS


def main() -> None:
    """Extract once."""
    watch = Stopwatch()
    read_parts._merge = _left_out(read_parts._merge, watch)
    now = datetime.now(UTC)
    window = Window(start=now - timedelta(days=2), end=now + timedelta(days=1))
    sync = ExtractSync(name="bench_extract", sobject="Account", fields=FIELDS)
    with open_tools(load_settings(), tell=lambda _: None) as tools:
        request = ExtractRequest(sync=sync, window=window, forced_rail=Rail.BULK)
        report = run_extract(request, _watched(tools, watch))
    watch.tell(rows=report.counts.succeeded, seconds_with_merge=round(report.seconds, 2))


def _left_out(merge: Callable[..., Any], watch: Stopwatch) -> Callable[..., Any]:
    def merged(*arguments: Any, **options: Any) -> Any:
        with watch.left_out():
            return merge(*arguments, **options)

    return merged


def _watched(tools: Tools, watch: Stopwatch) -> Tools:
    """The same tools; waiting for a query job is told apart."""

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(tools.client.queries, name)

        def wait(self, job_id: str, *, expected_seconds: float) -> Any:
            with watch.waiting():
                return tools.client.queries.wait(job_id, expected_seconds=expected_seconds)

    return replace(tools, client=replace(tools.client, queries=Watched()))


if __name__ == "__main__":
    sys.exit(main())
