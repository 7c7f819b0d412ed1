"""The child process that runs Dagster for the demo, with runs that fail before they reach any org."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sf_pipelines.local.launcher import Launcher, LauncherError, LaunchOrder
from sf_pipelines.local.sandbox import PROJECT_FOLDER


@pytest.mark.timeout(300)
def test_runs_follow_one_another_in_one_process_and_a_red_one_is_a_result(tmp_path: Path) -> None:
    with _launcher(tmp_path) as launcher:
        ends = [
            launcher.run(LaunchOrder(assets=["salesforce/account/load"], partition="2026-03-04")),
            launcher.run(LaunchOrder(job="nightly_extract", partition="2026-03-04")),
        ]

    assert ends == [False, False]
    assert "SF_PIPELINES_SALESFORCE_URL is not set" in (tmp_path / "dagster.log").read_text()


def test_a_process_that_cannot_load_is_told_with_the_place_of_its_log(tmp_path: Path) -> None:
    with (
        _launcher(tmp_path, SF_PIPELINES_DBT_PROJECT=str(tmp_path)) as launcher,
        pytest.raises(LauncherError, match=r"dagster\.log"),
    ):
        launcher.run(LaunchOrder(job="nightly_load"))

    assert "There is no dbt project" in (tmp_path / "dagster.log").read_text()


def _launcher(folder: Path, **more: str) -> Launcher:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SF_PIPELINES_")}
    environment = kept | {"DAGSTER_HOME": str(folder), "SF_PIPELINES_HOME": str(folder / "home")} | more
    return Launcher(environment=environment, folder=PROJECT_FOLDER, log=folder / "dagster.log")
