"""`sf-pipelines doctor` names what is wrong and what mends it, ends with 1 where a run could not go."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, make_url, text
from typer.testing import CliRunner

from sf_pipelines.cli import app
from sf_pipelines.config.settings import AuthFlow
from sf_pipelines.local.doctor import run_doctor
from sf_pipelines.local.doctor_org import SKEW_FAIL_SECONDS, examine_clock
from sf_pipelines.local.findings import Finding, State
from sf_pipelines_tests.components.conftest import environment as environment
from sf_pipelines_tests.workflows.conftest import clock as clock
from sf_pipelines_tests.workflows.conftest import emulator as emulator


def found(part: str) -> list[Finding]:
    return [item for item in run_doctor() if item.part == part]


def only(part: str) -> Finding:
    (finding,) = found(part)
    return finding


def test_what_a_run_needs_is_there(environment: None) -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])

    document: dict[str, Any] = json.loads(result.stdout)
    states = {item["part"]: item["state"] for item in document["findings"]}
    healthy = {"settings", "home", "database", "lake", "credentials", "quota", "permissions"}
    assert result.exit_code == 0
    assert document["is_healthy"]
    assert {part for part, state in states.items() if state == "ok"} == healthy
    assert states["notices"] == "warn"


def test_a_setting_that_cannot_be_read_ends_the_examination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_PIPELINES_CHECK_SYNCS", "maybe")

    result = CliRunner().invoke(app, ["doctor"], env={"COLUMNS": "200"})

    assert result.exit_code == 1
    assert "use one of refuse, warn, off" in result.stdout


def test_refused_credentials_are_told_with_the_mend(
    environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SF_PIPELINES_SALESFORCE_CLIENT_SECRET", "seeded-wrong")

    finding = only("org")

    assert finding.state is State.FAIL
    assert "consumer secret of the connected app" in finding.text
    assert "seeded-wrong" not in finding.text


def test_a_database_that_does_not_answer_is_told(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", f"postgresql://u:hidden@127.0.0.1:{port}/d")

    finding = only("database")

    assert finding.state is State.FAIL
    assert "hidden" not in finding.text


def test_a_user_who_may_make_nothing_is_told_the_grant(
    environment: None, engine: Engine, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE reader_of_doctor LOGIN"))
    try:
        url = make_url(empty_database_url).set(username="reader_of_doctor", password=None)
        monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", url.render_as_string(hide_password=False))

        finding = only("database")
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP ROLE reader_of_doctor"))

    assert finding.state is State.FAIL
    assert "GRANT CREATE ON DATABASE" in finding.text


def test_a_ledger_of_a_newer_release_is_told(environment: None, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger.alembic_version SET version_num = '9999'"))

    finding = only("database")

    assert finding.state is State.FAIL
    assert "install the newest" in finding.text


def test_a_lake_that_cannot_be_written_is_told(
    environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("SF_PIPELINES_LAKE", str(tmp_path / "file" / "lake"))

    assert only("lake").state is State.FAIL


def test_a_dagster_home_without_its_file_is_told(
    environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    finding = only("dagster")

    assert (finding.state, "copy deploy/dagster.yaml" in finding.text) == (State.FAIL, True)


@pytest.mark.parametrize(
    ("skew_seconds", "flow", "state"),
    [
        (2.0, AuthFlow.JWT_BEARER, State.OK),
        (-60.0, AuthFlow.JWT_BEARER, State.WARN),
        (SKEW_FAIL_SECONDS + 1, AuthFlow.CLIENT_CREDENTIALS, State.WARN),
        (-SKEW_FAIL_SECONDS - 1, AuthFlow.JWT_BEARER, State.FAIL),
    ],
)
def test_a_clock_that_is_wrong_matters_most_where_assertions_are_signed(
    skew_seconds: float, flow: AuthFlow, state: State
) -> None:
    finding = examine_clock(skew_seconds, flow)

    assert finding.state is state
    assert ("behind" if skew_seconds > 0 else "ahead of") in finding.text


def test_a_key_file_that_others_may_read_is_told(
    environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "org.pem"
    key.write_text("key")
    key.chmod(0o644)
    for name, value in (("FLOW", "jwt_bearer"), ("USERNAME", "a@b.test"), ("JWT_PRIVATE_KEY_FILE", str(key))):
        monkeypatch.setenv(f"SF_PIPELINES_SALESFORCE_{name}", value)

    assert only("key file").text == f"Others than its owner may read {key}: chmod 600 {key}"
