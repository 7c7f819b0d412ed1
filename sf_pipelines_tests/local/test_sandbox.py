from __future__ import annotations

from pathlib import Path

import pytest

from sf_pipelines.local.sandbox import SandboxError, open_sandbox


@pytest.fixture
def home(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATABASE_URL", "SALESFORCE_URL", "LAKE", "EXTRACT_LAG_SECONDS"):
        monkeypatch.delenv(f"SF_PIPELINES_{name}", raising=False)
    folder = server_folder / "home"
    monkeypatch.setenv("SF_PIPELINES_HOME", str(folder))
    return folder


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
