"""The tutorial, typed by a machine: every bash block, in order, in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sf_pipelines

ROOT = Path(sf_pipelines.__file__).parents[1]
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COPIED = ("sf_pipelines", "dbt_like_models", "deploy", "pyproject.toml", "CHANGELOG.md", "README.md")


@pytest.fixture
def clone(server_folder: Path) -> Path:
    """The project as a newcomer has it, without .venv: its programs are those of this environment."""
    for name in COPIED:
        source, target = ROOT / name, server_folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
        else:
            shutil.copy(source, target)
    return server_folder


@pytest.mark.timeout(600)
def test_a_newcomer_gets_from_the_demo_to_a_load_of_their_own(clone: Path) -> None:
    programs = str(Path(sys.executable).parent)
    script = "set -euo pipefail\n" + "".join(BLOCKS)
    script = script.replace("make demo", "sf-pipelines demo").replace(".venv/bin/", f"{programs}/")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SF_PIPELINES_")}
    environment = variables | {
        "PYTHONPATH": str(clone),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "160",
    }

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "red, as it should be" in done.stdout
    assert "REQUIRED_FIELD_MISSING" in done.stdout
    last = done.stdout[done.stdout.rindex("contact_load of") :]
    assert "complete" in last.splitlines()[0]
