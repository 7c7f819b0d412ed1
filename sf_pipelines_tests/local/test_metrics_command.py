"""The ledger's figures as Prometheus reads them: the truth of the tables, and a ledger that is away."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
import requests
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.local.metrics_command import LedgerCollector, serve_metrics
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget, Headroom
from sf_pipelines.model.outcome import Verdict, VerdictState
from sf_pipelines.model.rail import Rail
from sf_pipelines_tests.ledger.samples import counts, failed_record, start_load

NOW = datetime(2026, 3, 5, 1, tzinfo=UTC)


def figures(engine: Engine) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(LedgerCollector(engine, clock=lambda: NOW))
    return parsed(generate_latest(registry).decode())


def parsed(text_: str) -> dict[str, float]:
    """Sample name with its labels to its value."""
    samples = [item for family in text_string_to_metric_families(text_) for item in family.samples]
    return {" ".join([item.name, *_labels(item.labels)]): item.value for item in samples}


def _labels(labels: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in sorted(labels.items())]


@pytest.fixture
def red_load(engine: Engine) -> None:
    ledger = Ledger(engine, clock=lambda: NOW)
    run_id = start_load(ledger)
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.BULK, counts=counts(), failed=[failed_record("a-1")])
    verdict = Verdict(state=VerdictState.REJECTS_BEYOND_TOLERANCE, text="1 of 3 rows did not reach the org.")
    ledger.finish_run(run_id, verdict=verdict, counts=counts(), api_calls=7)
    budgets = {DAILY_API_REQUESTS: Budget(maximum=100_000, remaining=61_234)}
    QuotaBook(engine, clock=lambda: NOW).record_reading(Headroom(taken_at=NOW, budgets=budgets))


def test_every_figure_is_the_ledgers(engine: Engine, red_load: None) -> None:
    told, of_run = figures(engine), counts()

    assert told["sf_pipelines_ledger_up"] == 1
    assert told["sf_pipelines_rows_total outcome=submitted sync=account_load"] == of_run.submitted
    assert told["sf_pipelines_rows_total outcome=failed sync=account_load"] == of_run.failed
    assert told["sf_pipelines_runs_total state=rejects_beyond_tolerance sync=account_load"] == 1
    assert told["sf_pipelines_api_calls_total sync=account_load"] == 7
    assert told["sf_pipelines_failed_records_open class=none sync=account_load"] == 1
    assert told["sf_pipelines_quota_left quota=DailyApiRequests"] == 61_234
    assert told["sf_pipelines_quota_maximum quota=DailyApiRequests"] == 100_000
    assert told["sf_pipelines_notices_waiting"] == 0
    assert not [name for name in told if name.startswith("sf_pipelines_last_green")]


def test_a_ledger_that_is_away_is_a_figure_too(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA ledger CASCADE"))

    assert figures(engine) == {"sf_pipelines_ledger_up": 0}


def test_the_command_answers_scrapes_until_it_is_told_to_stop(
    red_load: None, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", database_url)
    is_over, told, is_told = threading.Event(), list[str](), threading.Event()

    def tell(sentence: str) -> None:
        told.append(sentence)
        is_told.set()

    serving = threading.Thread(
        target=serve_metrics, kwargs={"host": "127.0.0.1", "port": 0, "is_over": is_over, "tell": tell}
    )
    serving.start()
    try:
        assert is_told.wait(60)
        answer = requests.get(told[0].split()[2], timeout=30, proxies={"http": ""})
    finally:
        is_over.set()
        serving.join()

    assert parsed(answer.text)["sf_pipelines_ledger_up"] == 1
