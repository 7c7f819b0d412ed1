"""The embedded parts as one thing: what children are told, whose the home is, what a killed owner leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import make_url
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from sf_pipelines.config.settings import load_settings
from sf_pipelines.local.sandbox import SandboxError, open_sandbox

DEADLINE_SECONDS = 30

OWNER = """
import sys
from sf_pipelines.local.sandbox import open_sandbox

with open_sandbox(fresh=False):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SF_PIPELINES_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def home(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SF_PIPELINES_HOME", str(server_folder / "home"))
    return server_folder / "home"


def _server_processes(home: Path) -> list[psutil.Process]:
    """Processes of the home's server, of a removed home too."""
    cluster = str(home / "postgres" / "cluster")
    processes = psutil.process_iter(["name", "cwd"])
    return [process for process in processes if str(process.info["cwd"]).startswith(cluster)]


def _wait_until_no_server(home: Path) -> None:
    Retrying(retry=retry_if_result(bool), stop=stop_after_delay(DEADLINE_SECONDS), wait=wait_fixed(0.02))(
        _server_processes, home
    )


def test_the_environment_of_children_names_every_part_that_runs(home: Path) -> None:
    with open_sandbox(fresh=True) as sandbox:
        assert sandbox.org is not None
        assert sandbox.environment["SF_PIPELINES_SALESFORCE_URL"] == sandbox.org.url
        assert (
            sandbox.environment["SF_PIPELINES_DATABASE_URL"]
            == sandbox.settings.require_database_url().reveal()
        )
        assert (Path(sandbox.environment["DAGSTER_HOME"]) / "dagster.yaml").is_file()


def test_a_folder_with_files_of_somebody_else_is_refused_and_left_alone(home: Path) -> None:
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    with pytest.raises(SandboxError, match="not ours"), open_sandbox(fresh=True):
        pass
    assert (home / "thesis.txt").read_text() == "years of work"


def test_two_sandboxes_cannot_share_a_home(home: Path) -> None:
    with open_sandbox(fresh=False), pytest.raises(SandboxError, match="Another"), open_sandbox(fresh=False):
        pass


def test_fresh_empties_the_home_and_otherwise_it_is_kept(home: Path) -> None:
    with open_sandbox(fresh=False):
        (home / "spool").mkdir()
    with open_sandbox(fresh=False):
        assert (home / "spool").exists()
    with open_sandbox(fresh=True):
        assert not (home / "spool").exists()


def test_children_in_another_folder_have_the_same_settings(
    server_folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(server_folder)
    monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", database_url)
    monkeypatch.setenv("SF_PIPELINES_LAKE", "lake")

    with open_sandbox(fresh=False) as sandbox:
        monkeypatch.chdir("/")
        assert load_settings(sandbox.environment) == sandbox.settings

    assert sandbox.settings.home == server_folder / ".sf_pipelines"
    assert sandbox.settings.lake == str(server_folder / "lake")


def test_a_database_of_ones_own_takes_the_place_of_the_embedded_one(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", database_url)

    with open_sandbox(fresh=False) as sandbox:
        assert sandbox.environment["SF_PIPELINES_DAGSTER_STORAGE_URL"] == database_url
        assert not (home / "postgres").exists()


def test_an_emptied_home_spares_what_its_links_point_to(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", database_url)
    kept = home.with_name("elsewhere")
    kept.mkdir()
    (kept / "year.parquet").write_text("rows")
    with open_sandbox(fresh=False):
        (home / "lake").symlink_to(kept)

    with open_sandbox(fresh=True):
        assert not (home / "lake").exists()

    assert (kept / "year.parquet").read_text() == "rows"


def test_a_home_that_is_a_file_is_refused_in_one_sentence(home: Path) -> None:
    home.write_text("")

    with (
        pytest.raises(SandboxError, match=r"home cannot be used .*SF_PIPELINES_HOME"),
        open_sandbox(fresh=True),
    ):
        pass


@pytest.mark.parametrize("guard", [True, False], ids=["guard lives", "guard killed too"])
def test_a_fresh_sandbox_takes_over_from_a_killed_one_and_leaves_no_server(home: Path, guard: bool) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        killed = {process.pid for process in _server_processes(home)}
        if not guard:
            psutil.Process(_postmaster(home)).parent().kill()  # type: ignore[union-attr]
        owner.kill()
        owner.wait()

        with open_sandbox(fresh=True) as sandbox:
            assert {process.pid for process in _server_processes(home)}.isdisjoint(killed)
            assert make_url(sandbox.environment["SF_PIPELINES_DATABASE_URL"]).database == "sf_pipelines"

    _wait_until_no_server(home)


def _postmaster(home: Path) -> int:
    return int((home / "postgres" / "cluster" / "postmaster.pid").read_text().split("\n")[0])
