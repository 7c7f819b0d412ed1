"""Runs what docs/emulator.md tells a newcomer to type."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sf_pipelines.emulator.faults.kinds import KINDS
from sf_pipelines.emulator.handle import EmulatedOrg
from sf_pipelines.emulator.schema.loader import load_schema

TEXT = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)( pytest)?\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8880"


def blocks(language: str, *, is_test: bool = False) -> list[str]:
    return [text for name, mark, text in BLOCKS if name == language and bool(mark) == is_test]


SETUP, *SCRIPTS = blocks("bash")


@pytest.fixture
def folder(salesforce_org: EmulatedOrg, tmp_path: Path) -> Path:
    """Where the emulator was started: its credentials are in org.json."""
    (tmp_path / "org.json").write_text(json.dumps(salesforce_org.credentials.as_dict()))
    return tmp_path


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_shell_block_runs(salesforce_org: EmulatedOrg, folder: Path, script: str) -> None:
    text = ("set -euo pipefail\n" + SETUP + script).replace(ADDRESS, salesforce_org.url)

    run(["bash", "-c", text], folder)


@pytest.mark.parametrize("program", blocks("python"))
def test_a_python_block_runs(salesforce_org: EmulatedOrg, folder: Path, program: str) -> None:
    done = run([sys.executable, "-c", program.replace(ADDRESS, salesforce_org.url)], folder)

    assert "Acme" in done.stdout


@pytest.mark.parametrize("program", blocks("python", is_test=True))
def test_a_pytest_block_passes_with_the_installed_plugin(tmp_path: Path, program: str) -> None:
    (tmp_path / "test_it.py").write_text(program)

    done = run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "."], tmp_path)

    assert "1 passed" in done.stdout


def test_the_schema_block_loads(tmp_path: Path) -> None:
    for number, text in enumerate(blocks("yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        load_schema(path)


def test_the_start_command_prints_the_credentials(tmp_path: Path) -> None:
    (line,) = blocks("console")
    program, *options = line.partition(" > ")[0].replace("8880", "0").split()
    command = [str(Path(sys.executable).with_name(program)), *options]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, env=os.environ) as server:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        server.send_signal(signal.SIGINT)
    assert told.keys() >= {"url", "client_id", "client_secret", "access_token"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_has_a_row_and_an_example(kind: str) -> None:
    assert f"| `{kind}` |" in TEXT
    assert f'"kind": "{kind}"' in TEXT
