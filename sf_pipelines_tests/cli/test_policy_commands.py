"""The commands of the rail policy on a real ledger: documents, tables, and sentences for mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from sf_pipelines.cli import app
from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.verbs import utc_now
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Budget, Headroom
from sf_pipelines.policy.knobs import KNOBS, ThresholdError
from sf_pipelines.workflows.errors import WorkflowError


@pytest.fixture(autouse=True)
def environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", database_url)
    monkeypatch.setenv("SF_PIPELINES_HOME", str(tmp_path))
    monkeypatch.delenv("SF_PIPELINES_SALESFORCE_URL", raising=False)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def document(*arguments: str) -> dict[str, Any]:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_thresholds_are_shown_set_and_told() -> None:
    assert set(document("policy", "show")["thresholds"]) == set(KNOBS)

    after = document("policy", "set", "defer_seconds=600", "--reason", "a short night", "--by", "ada")

    assert after["thresholds"]["defer_seconds"] == 600.0
    (change,) = document("policy", "history", "defer_seconds")["changes"]
    assert (change["value"], change["set_by"], change["reason"]) == (600.0, "ada", "a short night")
    shown = call("policy", "show").stdout
    assert "defer_seconds" in shown
    assert "ada:" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("set", "defer_seconds", "--reason", "r"), "sets nothing: write name=number"),
        (("set", "defer_seconds=soon", "--reason", "r"), "sets nothing: write name=number"),
        (("set", "reserve_share.normal=0.9", "--reason", "r"), "may not be above throttle_below_share"),
        (("history", "defer"), "There is no threshold 'defer'"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    error = call("policy", *arguments).exception
    assert isinstance(error, ThresholdError)
    assert sentence in str(error)


def test_a_plan_prices_a_run_and_says_why(engine: Engine) -> None:
    budgets = {DAILY_API_REQUESTS: Budget(maximum=100_000, remaining=90_000)}
    QuotaBook(engine).record_reading(Headroom(taken_at=utc_now(), budgets=budgets))

    plan = document("plan", "account_load", "--rows", "250000", "--bytes", "50000000")["decision"]

    assert (plan["action"], plan["rail"]) == ("run", "bulk")
    assert plan["costs"]["bulk"]["batches"] == 25
    assert plan["costs"]["rest"]["api_calls"] == 250
    shown = call("plan", "account_load", "--rows", "250000").stdout
    assert "account_load: run by bulk" in shown
    assert "Not rest: REST would cost" in shown


def test_a_backfill_is_priced_before_it_starts(engine: Engine) -> None:
    budgets = {DAILY_API_REQUESTS: Budget(maximum=100_000, remaining=90_000)}
    QuotaBook(engine).record_reading(Headroom(taken_at=utc_now(), budgets=budgets))

    plan = document("plan", "account_extract", "--rows", "1000", "--backfill", "2026-01-01", "2026-01-31")

    assert (plan["nights"], plan["api_calls"], plan["runs_now"]) == (31, 31, 31)
    assert plan["held_back"] is None


def test_without_a_reading_a_plan_says_that_nothing_is_known() -> None:
    plan = document("plan", "account_load", "--rows", "10")["decision"]
    assert (plan["action"], plan["because"][0]["code"]) == ("defer", "quota_unknown")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("lead_load",), "There is no sync 'lead_load': it is one of account_extract, account_load"),
        (("account_load",), "account_load has never run, so its size is unknown: give --rows."),
        (
            ("account_load", "--rows", "5", "--backfill", "2026-02-01", "2026-01-01"),
            "the earlier one first",
        ),
    ],
)
def test_a_plan_that_cannot_be_made_says_why(arguments: tuple[str, ...], sentence: str) -> None:
    error = call("plan", *arguments).exception
    assert isinstance(error, WorkflowError)
    assert sentence in str(error)


def test_a_simulation_prints_the_figures_of_every_policy(tmp_path: Path) -> None:
    png = tmp_path / "month.png"
    found = document("simulate", "--days", "1", "--png", str(png))

    assert len(found["policies"]) == 6
    assert found["policies"]["rail policy"]["critical_misses"] == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "Overruns" in call("simulate", "--days", "1").stdout


@pytest.mark.parametrize("command", [("plan",), ("simulate",), ("policy", "set"), ("policy", "show")])
def test_the_help_of_a_command_has_an_example(command: tuple[str, ...]) -> None:
    assert "Example" in call(*command, "--help").stdout
