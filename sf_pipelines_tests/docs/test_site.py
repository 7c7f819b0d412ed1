"""The documentation is built strictly and without network, and what it says exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import sf_pipelines
from sf_pipelines.cli import app
from sf_pipelines.components.load import SalesforceLoad
from sf_pipelines.config.described import SETTINGS, STORAGE_URL
from sf_pipelines.definitions import defs
from sf_pipelines.local.reference import pages
from sf_pipelines.model.outcome import FailureClass
from sf_pipelines.rails import errors
from sf_pipelines.resources.pipelines import KNOWN_ERRORS

ROOT = Path(sf_pipelines.__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
VARIABLES = {setting.variable for setting in SETTINGS} | {STORAGE_URL}
LOADED_FROM_ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)="(https?://[^"]+)""")


def code_of(page: Path) -> str:
    """Fenced and indented blocks, with continued lines joined."""
    text = page.read_text(encoding="utf-8")
    fenced = re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)
    return "\n".join([*fenced, *indented]).replace("\\\n", " ")


def commands(page: Path, program: str) -> Iterator[list[str]]:
    for line in code_of(page).splitlines():
        found = re.search(rf"(?:^|/|\s){program}\s+(.*)", line.split("  #")[0].split(" || ")[0])
        if found and not line.lstrip().startswith(("type:", "#", "-")):
            yield shlex.split(found[1])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--quiet", "--config-file"]
    done = subprocess.run(
        [*command, ROOT / "deploy" / "mkdocs.yml", "--site-dir", folder],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_is_built_strictly_and_loads_nothing_from_elsewhere(site: Path) -> None:
    built = {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in site.rglob("*.html")}

    assert {"index.html", "runbook.html", "reference/commands.html", "changelog.html"} <= built.keys()
    assert {found for text in built.values() for found in LOADED_FROM_ELSEWHERE.findall(text)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists_with_its_options(page: Path) -> None:
    group: Any = typer.main.get_command(app)

    for arguments in commands(page, "sf-pipelines"):
        command, rest = group, list(arguments)
        while hasattr(command, "commands"):
            command = command.commands[rest.pop(0)]
        if command.context_settings.get("ignore_unknown_options"):
            continue  # what follows is for another program
        known = {option for item in command.params for option in (*item.opts, *item.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= known | {"--help"}, arguments


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_of_a_page_exists(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert {arguments[0] for arguments in commands(page, "make") if arguments} <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_of_a_page_exists(page: Path) -> None:
    named = set(re.findall(r"SF_PIPELINES_[A-Z_]+[A-Z]", page.read_text(encoding="utf-8")))

    assert named <= VARIABLES


def test_the_reference_holds_every_setting_command_and_key() -> None:
    made = pages(app)

    assert all(f"`{name}`" in made["reference/settings.md"] for name in VARIABLES)
    assert "## sf-pipelines policy set" in made["reference/commands.md"]
    assert "`--export`" in made["reference/commands.md"]
    assert all(f"| `{name}` |" in made["reference/declarations.md"] for name in SalesforceLoad.model_fields)


def _checks_of_ours() -> set[str]:
    graph = defs().get_repository_def().asset_graph
    return {key.name for key in graph.asset_check_keys if key.asset_key.path[0] in ("salesforce", "ledger")}


def test_the_runbook_has_every_check_class_and_error() -> None:
    of_org = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.SalesforceError)
    }
    named = {*_checks_of_ours(), *FailureClass, *of_org, *(kind.__name__ for kind in KNOWN_ERRORS)}

    assert {str(name) for name in named if f"| `{name}` |" not in RUNBOOK} == set()
