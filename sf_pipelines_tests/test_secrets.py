"""Secrets are seeded, everything that can fail is run, and every place where words get to is searched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from sf_pipelines.cli import app
from sf_pipelines.components.load import SalesforceLoad
from sf_pipelines.components.yaml_models import FieldBlock, SourceBlock, ToleranceBlock
from sf_pipelines.defs.notices.sensors import failure_notices
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.tables import metadata
from sf_pipelines.local.metrics_command import LedgerCollector
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines_tests.components.conftest import environment as environment
from sf_pipelines_tests.components.conftest import instance as instance
from sf_pipelines_tests.components.runs import materialized
from sf_pipelines_tests.resources.sinks import WebhookSink, webhook_sink
from sf_pipelines_tests.workflows.conftest import clock as clock
from sf_pipelines_tests.workflows.conftest import emulator as emulator
from sf_pipelines_tests.workflows.orgs import KEY, write_csv

SENSITIVE = "seeded-salary-4711"
WRONG_SECRET = "seeded-wrong-secret"
MAIL_PASSWORD = "seeded-mail-password"
WEBHOOK_PART = "secret-part"
TOO_LONG_FOR_PHONE = 41


@pytest.fixture
def chat(environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebhookSink]:
    """A chat and a mail server whose addresses hold secrets; the mail server is not there."""
    with webhook_sink() as sink:
        monkeypatch.setenv("SF_PIPELINES_NOTICE_WEBHOOK_URL", sink.url)
        monkeypatch.setenv("SF_PIPELINES_SMTP_URL", f"smtp://user:{MAIL_PASSWORD}@127.0.0.1:9")
        monkeypatch.setenv("SF_PIPELINES_NOTICE_EMAIL_TO", "ada@acme.test")
        yield sink


@pytest.fixture
def load(tmp_path: Path) -> SalesforceLoad:
    """Rows of which some are refused by the very value that nobody may see."""
    long = (SENSITIVE + "0" * TOO_LONG_FOR_PHONE)[: TOO_LONG_FOR_PHONE + 1]
    rows = [
        {KEY: "good", "Name": "Good", "Phone": SENSITIVE},
        {KEY: "bad", "Name": "Bad", "Phone": long},
        {KEY: "nameless", "Name": None, "Phone": SENSITIVE},
    ]
    return SalesforceLoad(
        object="Account",
        operation="upsert",
        key=KEY,
        source=SourceBlock(csv=write_csv(tmp_path / "accounts.csv", rows).location),
        fields={KEY: KEY, "Name": "Name", "Phone": FieldBlock(column="Phone", sensitive=True)},
        tolerance=ToleranceBlock(rows=3),
    )


def rows_of_the_ledger(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [
            str(row)
            for table in metadata.sorted_tables
            for row in connection.execute(text(f"SELECT to_jsonb(t)::text FROM ledger.{table.name} AS t"))
        ]


def events_of_dagster(instance: dg.DagsterInstance) -> list[str]:
    """Every event of every run: what the UI gets its pages from."""
    runs = instance.get_runs()
    assert runs
    return [entry.to_json() for run in runs for entry in instance.all_logs(run.run_id)]


def told_by_commands(tmp_path: Path) -> list[str]:
    commands: list[list[str]] = [
        ["doctor", "--json"],
        ["doctor"],
        ["failures", "--json"],
        ["failures", "--export", str(tmp_path / "home" / "fix.csv")],
        ["trace", "bad", "--json"],
        ["trace", "nameless"],
        ["policy", "show"],
    ]
    results = [CliRunner().invoke(app, command) for command in commands]
    return [result.output + repr(result.exception) for result in results]


def files_below(folder: Path) -> list[str]:
    return [path.read_bytes().decode(errors="replace") for path in folder.rglob("*") if path.is_file()]


def test_no_secret_is_anywhere_after_everything_failed(
    chat: WebhookSink,
    load: SalesforceLoad,
    emulator: EmulatorServer,
    instance: dg.DagsterInstance,
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # the debug lines of HTTP libraries hold addresses: whoever turns them on sees those of webhooks
    caplog.set_level("DEBUG", logger="sf_pipelines")
    assert materialized(load, instance).success
    failure_notices(dg.build_sensor_context(instance=instance, resources={"pipelines": PipelinesResource()}))
    told = told_by_commands(tmp_path)
    registry = CollectorRegistry()
    registry.register(LedgerCollector(engine))
    monkeypatch.setenv("SF_PIPELINES_SALESFORCE_CLIENT_SECRET", WRONG_SECRET)
    assert not materialized(load, instance).success
    told += [CliRunner().invoke(app, ["doctor"]).output]

    captured: Any = capfd.readouterr()
    places = {
        "a command": told,
        "standard output": [captured.out],
        "standard error": [captured.err],
        "the log": [caplog.text],
        "the ledger": rows_of_the_ledger(engine),
        "an event of Dagster": events_of_dagster(instance),
        "a metric": [generate_latest(registry).decode()],
        "a notice": [str(post) for post in chat.posts],
        "a file that stays": files_below(tmp_path / "home"),
    }
    credentials = emulator.credentials
    seeded = (
        SENSITIVE,
        WRONG_SECRET,
        MAIL_PASSWORD,
        WEBHOOK_PART,
        credentials.client_secret,
        credentials.access_token,
    )
    found = [
        (word, place) for place, texts in places.items() for word in seeded if any(word in t for t in texts)
    ]
    assert found == []
    assert chat.posts
    assert any("STRING_TOO_LONG" in row for row in places["the ledger"])
