"""`sf-pipelines metrics`: the ledger's figures for Prometheus, counted at every scrape.

Nothing is counted in this process, so that a restart loses nothing and two instances tell the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.figures import LedgerFigures, read_figures
from sf_pipelines.local.ledger_database import open_ledger_database

_log = logging.getLogger(__name__)

OUTCOMES = ("submitted", "succeeded", "failed", "unprocessed")


class LedgerCollector(Collector):
    """Reads the ledger when it is asked; a ledger that is away is told as `sf_pipelines_ledger_up 0`."""

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """All figures of this moment."""
        up = GaugeMetricFamily("sf_pipelines_ledger_up", "Whether the ledger answers.")
        try:
            figures = read_figures(self._engine, self._clock())
        except LedgerError as error:
            _log.warning("The figures cannot be read: %s", error)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from _of_syncs(figures)
        yield from _of_quotas(figures)
        yield from _of_changes(figures)
        yield GaugeMetricFamily(
            "sf_pipelines_notices_waiting",
            "Failure notices that are not sent.",
            value=figures.notices_waiting,
        )


def serve_metrics(*, host: str, port: int, is_over: threading.Event, tell: Callable[[str], None]) -> None:
    """Answer scrapes until `is_over` is set.

    Raises:
        OSError: the port is taken.
        LedgerError, SettingsError, SandboxError: the ledger cannot be opened.
    """
    with open_ledger_database() as engine:
        registry = CollectorRegistry()
        registry.register(LedgerCollector(engine))
        server, thread = start_http_server(port, addr=host, registry=registry)
        try:
            tell(f"Metrics on http://{host}:{server.server_port}/metrics - Ctrl-C stops.")
            is_over.wait()
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _of_syncs(figures: LedgerFigures) -> Iterator[Metric]:
    rows = CounterMetricFamily(
        "sf_pipelines_rows", "Rows of all runs by outcome.", labels=["sync", "outcome"]
    )
    runs = CounterMetricFamily("sf_pipelines_runs", "Runs by state.", labels=["sync", "state"])
    calls = CounterMetricFamily("sf_pipelines_api_calls", "Metered calls to the org.", labels=["sync"])
    green = GaugeMetricFamily(
        "sf_pipelines_last_green_timestamp_seconds", "End of the newest green run.", labels=["sync"]
    )
    failures = GaugeMetricFamily(
        "sf_pipelines_failed_records_open", "Failed records that wait.", labels=["sync", "class"]
    )
    for sync in figures.syncs:
        for outcome in OUTCOMES:
            rows.add_metric([sync.sync, outcome], getattr(sync, outcome))
        for state, count in sync.runs.items():
            runs.add_metric([sync.sync, state], count)
        calls.add_metric([sync.sync], sync.api_calls)
        if sync.last_green_at is not None:
            green.add_metric([sync.sync], sync.last_green_at.timestamp())
    for (name, kind), count in figures.open_failures.items():
        failures.add_metric([name, kind], count)
    yield from (rows, runs, calls, green, failures)


def _of_quotas(figures: LedgerFigures) -> Iterator[Metric]:
    left = GaugeMetricFamily("sf_pipelines_quota_left", "What is left of a quota.", labels=["quota"])
    most = GaugeMetricFamily("sf_pipelines_quota_maximum", "What the org grants a day.", labels=["quota"])
    reserved = GaugeMetricFamily("sf_pipelines_quota_reserved", "Promised to runs.", labels=["quota"])
    for name, budget in figures.headroom.budgets.items():
        left.add_metric([name], budget.remaining)
        most.add_metric([name], budget.maximum)
        reserved.add_metric([name], budget.reserved)
    yield from (left, most, reserved)


def _of_changes(figures: LedgerFigures) -> Iterator[Metric]:
    gaps = GaugeMetricFamily("sf_pipelines_gaps_open", "Gaps that are not repaired.", labels=["channel"])
    heard = GaugeMetricFamily(
        "sf_pipelines_stream_heard_timestamp_seconds",
        "When a stream last told its place.",
        labels=["channel"],
    )
    for channel, count in figures.open_gaps.items():
        gaps.add_metric([channel], count)
    for channel, heard_at in figures.heard_at.items():
        heard.add_metric([channel], heard_at.timestamp())
    yield from (gaps, heard)
