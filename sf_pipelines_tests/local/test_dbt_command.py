from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from sf_pipelines.local.dbt_command import run_dbt_command


def test_a_dbt_command_runs_on_the_warehouse_of_the_settings_and_tells_its_exit_code(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", database_url)
    monkeypatch.setenv("SF_PIPELINES_HOME", str(tmp_path))

    assert run_dbt_command(["--quiet", "run", "--select", "stg_sync_run"]) == 0
    assert run_dbt_command(["--quiet", "run", "--select", "stg_account"]) == 1

    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM staging.stg_sync_run")).scalar_one() == 0
