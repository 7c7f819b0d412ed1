"""The command line as a person meets it: help, one sentence for what goes wrong, no traceback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sf_pipelines.cli import app, main

COMMAND = (sys.executable, "-m", "sf_pipelines.cli")
OPPORTUNITIES = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value\n"


def run(*arguments: str, home: Path, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command in a process of its own."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SF_PIPELINES_")}
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=variables | {"SF_PIPELINES_HOME": str(home)} | dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What `main` said on standard error before it ended with exit code 1."""
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), ("demo", "dev", "emulator")),
        (("demo",), ("--source", "--json", "accounts.csv")),
        (("dev",), ("--port", "3000")),
        (("emulator",), ("--port", "--schema", "--org", "--seed", "--json")),
    ],
    ids=["all", "demo", "dev", "emulator"],
)
def test_help_tells_what_a_command_does_and_takes(command: tuple[str, ...], words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "110", "TERM": "dumb"})

    assert result.exit_code == 0
    assert "Usage:" in result.output
    for word in words:
        assert word in result.output


def test_a_command_that_does_not_exist_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["demmo"])

    assert result.exit_code == 2


def test_a_port_that_no_machine_has_is_a_usage_error() -> None:
    result = CliRunner().invoke(app, ["dev", "--port", "70000"])

    assert result.exit_code == 2


def test_a_folder_that_does_not_exist_is_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    code, output, error = run("demo", "--source", str(tmp_path / "nowhere"), "--json", home=tmp_path / "home")

    assert code == 1
    assert output == ""
    assert error.splitlines()[-1] == (
        f"sf-pipelines: The source file {tmp_path / 'nowhere' / 'accounts.csv'} does not exist: "
        "check the folder and the name."
    )
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("accounts", "sentence"),
    [
        pytest.param(b"account,sector\nA,\xff\xfe\n", "accounts.csv", id="broken UTF-8"),
        pytest.param(b"acount,sector\nA,tech\n", "account", id="a column that is missing"),
    ],
)
def test_a_broken_file_is_one_sentence_that_names_it(tmp_path: Path, accounts: bytes, sentence: str) -> None:
    folder = tmp_path / "crm"
    folder.mkdir()
    (folder / "accounts.csv").write_bytes(accounts)
    (folder / "sales_pipeline.csv").write_text(OPPORTUNITIES)

    code, output, error = run("demo", "--source", str(folder), home=tmp_path / "home")

    assert code == 1
    assert output == ""
    assert str(folder / "accounts.csv") in error.splitlines()[-1]
    assert sentence in error.splitlines()[-1]
    assert "Traceback" not in error


def test_a_setting_that_cannot_be_read_is_one_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SF_PIPELINES_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SF_PIPELINES_EXTRACT_LAG_SECONDS", "soon")
    monkeypatch.setattr(sys, "argv", ["sf-pipelines", "demo"])

    assert told(capsys) == (
        "sf-pipelines: SF_PIPELINES_EXTRACT_LAG_SECONDS is 'soon': set it to a whole number of seconds.\n"
    )


@pytest.mark.parametrize("text", ["[red]soon", "[/]", "soon\\", "\\[bold]", "a\nb"])
def test_a_sentence_is_shown_letter_by_letter_whatever_it_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    monkeypatch.setenv("SF_PIPELINES_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SF_PIPELINES_EXTRACT_LAG_SECONDS", text)
    monkeypatch.setattr(sys, "argv", ["sf-pipelines", "demo"])

    shown = " ".join(text.split())
    assert f"SF_PIPELINES_EXTRACT_LAG_SECONDS is '{shown}':" in told(capsys)


def test_the_demo_refuses_to_write_into_an_org_of_ones_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in {
        "HOME": str(tmp_path / "home"),
        "SALESFORCE_URL": "https://org.invalid",
        "SALESFORCE_CLIENT_ID": "id",
        "SALESFORCE_CLIENT_SECRET": "not-to-be-shown",
    }.items():
        monkeypatch.setenv(f"SF_PIPELINES_{name}", value)
    monkeypatch.setattr(sys, "argv", ["sf-pipelines", "demo"])

    error = told(capsys)

    assert "unset SF_PIPELINES_SALESFORCE_URL" in error
    assert "not-to-be-shown" not in error
    assert not (tmp_path / "home").exists()


def test_a_port_that_is_taken_is_one_sentence_with_the_mend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(sys, "argv", ["sf-pipelines", "emulator", "--port", str(port)])

        assert told(capsys) == (
            f"sf-pipelines: Port {port} can't be used on 127.0.0.1: choose another one, or 0 for any.\n"
        )


def test_the_emulator_prints_one_json_line_and_stops_on_sigterm() -> None:
    with subprocess.Popen([*COMMAND, "emulator", "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        credentials = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)

    assert list(credentials) == [
        "url",
        "client_id",
        "client_secret",
        "username",
        "password",
        "security_token",
        "access_token",
    ]
    assert credentials["url"].startswith("http://127.0.0.1:")
    assert rest == ""
    assert process.returncode == 0
