"""`sf-pipelines failures` and `trace` on a ledger with one load that ended red."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from sf_pipelines.cli import app
from sf_pipelines.lake.source import read_source
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.local.failures_command import FailuresError
from sf_pipelines.local.sandbox import SandboxError
from sf_pipelines.model.outcome import FailureClass, Verdict, VerdictState
from sf_pipelines.model.rail import Rail
from sf_pipelines.workflows.resend import with_corrections
from sf_pipelines_tests.ledger.samples import counts, failed_record, start_load
from sf_pipelines_tests.workflows.orgs import load_of
from sf_pipelines_tests.workflows.test_checks import SOURCE

VALUES = {"External_Id__c": "a-1", "Name": 'Ann "A", [bold]x[/]\nOslo', "City": None}


@pytest.fixture(autouse=True)
def red_load(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")
    ledger = Ledger(engine)
    run_id = start_load(ledger)
    record = replace(failed_record("a-1", values=VALUES), failure_class=FailureClass.DATA)
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.BULK, counts=counts(), failed=[record])
    verdict = Verdict(state=VerdictState.REJECTS_BEYOND_TOLERANCE, text="1 of 3 rows did not reach the org.")
    ledger.finish_run(run_id, verdict=verdict, counts=counts(), api_calls=1)
    return ledger


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=True)


def document(*arguments: str) -> Any:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_failures_tell_code_count_class_and_the_next_step() -> None:
    output = invoke("failures").output

    for word in (
        "account_load",
        "REQUIRED_FIELD_MISSING",
        "data",
        "mend the values at the source",
        "a-1",
        "750A",
    ):
        assert word in output


def test_an_exported_formula_is_run_by_no_spreadsheet_and_sent_again_as_it_was(
    red_load: Ledger, tmp_path: Path
) -> None:
    formula = "=HYPERLINK(A1)"
    run_id = start_load(red_load, sync="formulas")
    record = failed_record("a-2", values={"External_Id__c": "a-2", "Name": formula})
    red_load.store_outcomes(run_id, chunk=0, rail=Rail.BULK, counts=counts(), failed=[record])
    path = tmp_path / "fix.csv"

    invoke("failures", "--sync", "formulas", "--export", str(path))

    (row,) = csv.DictReader(path.open(encoding="utf-8"))
    assert row["Name"] == "'" + formula
    corrected = with_corrections(load_of("Account", SOURCE, ("External_Id__c", "Name")), str(path))
    (batch,) = read_source(corrected.source, ["Name"])
    assert batch.to_pydict() == {"Name": [formula]}


def test_failures_as_json_hold_the_values_that_were_sent() -> None:
    told = document("failures")

    assert told["rows"] == 1
    assert told["counts"][0]["code"] == "REQUIRED_FIELD_MISSING"
    assert told["records"][0]["values"] == VALUES


def test_a_filter_that_nothing_matches_is_an_empty_answer_and_no_error() -> None:
    assert document("failures", "--class", "lock") == {"rows": 0, "counts": [], "records": []}


def test_an_export_is_a_csv_that_reads_back_to_the_values_that_were_sent(tmp_path: Path) -> None:
    path = tmp_path / "fix.csv"

    assert document("failures", "--export", str(path)) == {"rows": 1, "file": str(path)}

    (row,) = csv.DictReader(path.open(encoding="utf-8", newline=""))
    assert {name: row[name] or None for name in VALUES} == VALUES
    assert (row["error_code"], row["failure_class"]) == ("REQUIRED_FIELD_MISSING", "data")


def test_an_export_of_several_loads_asks_for_one_and_writes_nothing(red_load: Ledger, tmp_path: Path) -> None:
    other = start_load(red_load, "contact_load")
    red_load.store_outcomes(
        other, chunk=0, rail=Rail.BULK, counts=counts(), failed=[failed_record("c-1", values={"Email": "x"})]
    )

    result = invoke("failures", "--export", str(tmp_path / "fix.csv"))

    assert isinstance(result.exception, FailuresError)
    assert "account_load, contact_load" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    result = invoke("failures", "--export", str(tmp_path / "nowhere" / "fix.csv"))

    assert isinstance(result.exception, FailuresError)
    assert "No such file or directory" in str(result.exception)


def test_a_trace_tells_run_job_code_values_and_how_it_ended() -> None:
    output = invoke("trace", "a-1").output

    for word in (
        "account_load of 2026-01-05",
        "750A",
        "REQUIRED_FIELD_MISSING",
        "Dagster run d-1",
        "[bold]x[/]",
    ):
        assert word in output
    assert "How it ended: open: mend the values at the source" in " ".join(output.split())


def test_a_trace_of_a_resolved_record_names_the_run_that_got_it_through(red_load: Ledger) -> None:
    later = start_load(red_load)
    red_load.resolve_failed(later, "account_load", ["a-1"])

    assert str(later) in document("trace", "a-1")["ended"]
    assert document("failures")["rows"] == 0
    assert document("failures", "--all")["rows"] == 1


def test_a_trace_of_an_unknown_key_names_similar_ones() -> None:
    result = invoke("trace", "A")

    assert isinstance(result.exception, FailuresError)
    assert "similar: a-1" in str(result.exception)


def test_without_any_ledger_the_mend_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SF_PIPELINES_DATABASE_URL")
    monkeypatch.setenv("SF_PIPELINES_HOME", str(tmp_path / "home"))

    result = invoke("failures")

    assert isinstance(result.exception, SandboxError)
    assert "sf-pipelines demo" in str(result.exception)
