"""The project as a whole: names agree, every module imports, and nothing in use is on its way out."""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

import sf_pipelines
from sf_pipelines.definitions import defs

ROOT = Path(sf_pipelines.__file__).parents[1]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(sf_pipelines.__path__, "sf_pipelines.")
    if ".migrations" not in module.name
)


def test_workspace_and_dg_name_the_same_code_location() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"][0]["python_module"]
    assert workspace["location_name"] == project["code_location_name"]
    assert workspace["module_name"] == f"{project['root_module']}.definitions"


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports_without_a_dagster_lifecycle_warning(name: str) -> None:
    importlib.import_module(name)


def test_all_definitions_load_without_any_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SF_PIPELINES_DATABASE_URL", "SF_PIPELINES_SALESFORCE_URL"):
        monkeypatch.delenv(name, raising=False)
    dg.Definitions.validate_loadable(defs())


def test_assets_checks_jobs_and_schedules_keep_their_names() -> None:
    definitions = defs()
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    assets = sorted(key.to_user_string() for key in graph.get_all_asset_keys() if key.path[0] != "staging")
    # tests of dbt are named after the columns that they look at
    checks = sorted(
        f"{key.asset_key.to_user_string()}:{key.name}"
        for key in graph.asset_check_keys
        if key.asset_key.path[0] not in ("staging", "mart")
    )
    assert assets == [
        "ledger/bulk_jobs",
        "ledger/decision",
        "ledger/failed_records",
        "ledger/foreign_job",
        "ledger/outcome_summary",
        "ledger/quota_reservation",
        "ledger/sync_run",
        "mart/account_health",
        "mart/account_usage",
        "mart/bulk_job_outcomes",
        "mart/failed_record_lineage",
        "mart/pipeline_by_stage",
        "mart/quota_usage",
        "mart/rail_decisions",
        "product/daily_usage",
        "salesforce/account/changes",
        "salesforce/account/extract",
        "salesforce/account/gap_repair",
        "salesforce/account/id_audit",
        "salesforce/account/load",
        "salesforce/api_limits",
        "salesforce/opportunity/changes",
        "salesforce/opportunity/extract",
        "salesforce/opportunity/gap_repair",
        "salesforce/opportunity/id_audit",
        "salesforce/opportunity/load",
        "salesforce/usage/account_usage",
    ]
    assert checks == [
        "ledger/failed_records:no_load_left_failed",
        "salesforce/account/changes:no_open_gaps",
        "salesforce/account/changes:replay_position_is_fresh",
        "salesforce/account/extract:every_row_accounted_for",
        "salesforce/account/extract:source_and_org_agree",
        "salesforce/account/id_audit:source_and_org_agree",
        "salesforce/account/load:every_row_accounted_for",
        "salesforce/account/load:rejects_within_tolerance",
        "salesforce/api_limits:within_quota_budget",
        "salesforce/opportunity/changes:no_open_gaps",
        "salesforce/opportunity/changes:replay_position_is_fresh",
        "salesforce/opportunity/extract:every_row_accounted_for",
        "salesforce/opportunity/extract:source_and_org_agree",
        "salesforce/opportunity/id_audit:source_and_org_agree",
        "salesforce/opportunity/load:every_row_accounted_for",
        "salesforce/opportunity/load:rejects_within_tolerance",
        "salesforce/usage/account_usage:every_row_accounted_for",
        "salesforce/usage/account_usage:rejects_within_tolerance",
    ]
    assert sorted(schedule.name for schedule in repository.schedule_defs) == [
        "build_models_schedule",
        "nightly_extract_schedule",
        "nightly_load_schedule",
        "usage_hourly_schedule",
        "weekly_id_audit_schedule",
    ]
    assert sorted(sensor.name for sensor in repository.sensor_defs) == [
        "bulk_job_results",
        "cdc_gaps",
        "cdc_merges",
        "failed_record_retries",
        "failure_notices",
        "missed_nights",
        "quota_headroom",
        "rail_router",
        "run_failure_notices",
    ]
    assert "set_rail_policy" in {job.name for job in repository.get_all_jobs()}


def test_an_installed_package_brings_every_file_of_the_dbt_project() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    brought = {path for patterns in shipped.values() for pattern in patterns for path in ROOT.glob(pattern)}
    assert set(_own_files(ROOT / "dbt_like_models")) == brought


def test_opportunities_wait_for_the_accounts_that_they_refer_to() -> None:
    graph = defs().get_repository_def().asset_graph
    opportunity = dg.AssetKey(["salesforce", "opportunity", "load"])
    assert graph.get(opportunity).parent_keys == {dg.AssetKey(["salesforce", "account", "load"])}


def test_no_file_names_a_machine_path_or_a_registry_host() -> None:
    forbidden = ("/".join(("", "work", "main")), "pypi" + ".org", "file" + ":///")
    found = [
        (str(path.relative_to(ROOT)), word)
        for path in _own_files(ROOT)
        for word in forbidden
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert found == []


def _own_files(folder: Path) -> Iterator[Path]:
    """Files of the project itself; what tools and sandboxes leave is in dot folders and the like."""
    for path in folder.iterdir():
        if path.is_dir():
            made = path.name in {"__pycache__", "target", "logs"} or path.suffix == ".egg-info"
            if not path.name.startswith(".") and not made:
                yield from _own_files(path)
        elif path.suffix in {
            ".py",
            ".toml",
            ".yaml",
            ".md",
            ".txt",
            ".lark",
            ".json",
            ".mako",
            ".sql",
            ".yml",
        }:
            yield path
    if folder == ROOT:
        yield ROOT / ".ci" / "run"
