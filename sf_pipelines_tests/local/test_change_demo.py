"""The whole of change events as a user sees it: real processes, an embedded org, Dagster, an equal end."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sf_pipelines_tests.local.ui import PROGRAM

PLAY_SECONDS = 360


@pytest.mark.timeout(400)
def test_a_subscriber_that_is_killed_starved_and_loses_its_place_costs_no_row(server_folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SF_PIPELINES_")}
    finished = subprocess.run(
        [PROGRAM, "demo-changes", "--json"],
        env=environment | {"SF_PIPELINES_HOME": str(server_folder / "home")},
        capture_output=True,
        text=True,
        timeout=PLAY_SECONDS,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    assert (report["is_proven"], report["differing"]) == (True, 0)
    assert report["org_rows"] == report["warehouse_rows"] > 2_000
    causes = {gap["cause"] for gap in report["gaps"]}
    assert causes >= {"first_start", "allocation_spent", "replay_id_refused"}
    assert all(gap["closed_at"] for gap in report["gaps"])
