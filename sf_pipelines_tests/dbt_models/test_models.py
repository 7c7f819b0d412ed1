"""The dbt models, made by Dagster with dbt on a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from sf_pipelines.components.dbt_models import model_key
from sf_pipelines.config.settings import load_settings
from sf_pipelines.definitions import defs
from sf_pipelines.defs.models.build import models
from sf_pipelines.resources.dbt_project import models_project, prepare_manifest
from sf_pipelines_tests.dbt_models.warehouses import account, fill_ledger, fill_raw, fill_usage, opportunity

ACCOUNTS = (account("A"), account("lost"), account("gone", IsDeleted=True))
OPPORTUNITIES = (
    opportunity("1", "Prospecting", Amount=100.0, AccountId="001A", CloseDate=date(2020, 1, 1)),
    opportunity(
        "2", "Closed Won", Amount=40.0, Probability=100.0, AccountId="001A", CloseDate=date(2026, 2, 2)
    ),
    opportunity("3", "Closed Won", Amount=None, Probability=100.0),
)


TODAY = date(2026, 3, 4)
USAGE = (
    ("A", "ann", TODAY, 5),
    ("A", "ann", date(2026, 3, 1), 5),
    ("A", "bob", date(2026, 2, 20), 20),
    ("A", "cid", date(2026, 1, 10), 9),
    ("A", "dan", date(2026, 3, 5), 9),
    ("not in the org", "eve", TODAY, 1),
)


@pytest.fixture
def environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_PIPELINES_DATABASE_URL", database_url)
    monkeypatch.setenv("SF_PIPELINES_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SF_PIPELINES_USAGE_DAY", str(TODAY))


@pytest.mark.usefixtures("environment")
@pytest.mark.timeout(300)
def test_the_marts_tell_what_ledger_and_org_hold(engine: Engine, database_url: str) -> None:
    run_id = fill_ledger(engine)
    fill_raw(database_url, accounts=ACCOUNTS, opportunities=OPPORTUNITIES)
    fill_usage(engine, *USAGE)

    result = _build()

    assert result.success
    assert {check.passed for check in result.get_asset_check_evaluations()} == {True}
    job = _one(engine, "bulk_job_outcomes")
    assert job["run_id"] == run_id
    assert (job["job_id"], job["rows_succeeded"], job["rows_failed"], job["is_accounted"]) == (
        "750A",
        2,
        1,
        True,
    )
    assert float(job["failed_share"]) == 0.3333
    record = _one(engine, "failed_record_lineage")
    assert (record["source_key"], record["lineage_state"], record["is_open"]) == (
        "lost",
        "waits_for_a_person",
        True,
    )
    assert (record["rail"], record["job_id"], record["fields"]) == ("bulk", "750A", "Name")
    decided = _one(engine, "rail_decisions")
    assert (decided["rail"], decided["api_calls_expected"], decided["api_calls"]) == ("bulk", 9, 11)
    assert decided["api_calls_over_forecast"] == 2
    hour = _one(engine, "quota_usage")
    remaining = [hour[f"remaining_at_{name}"] for name in ("first", "least", "last")]
    assert (remaining, float(hour["used_share_at_most"]), hour["readings"]) == ([900, 700, 750], 0.3, 3)
    stages = {row["stage"]: row for row in _rows(engine, "pipeline_by_stage")}
    assert {stage: (row["opportunities"], float(row["amount"])) for stage, row in stages.items()} == {
        "Prospecting": (1, 100.0),
        "Closed Won": (2, 40.0),
    }
    assert float(stages["Prospecting"]["weighted_amount"]) == 50.0
    assert stages["Prospecting"]["opportunities_overdue"] == 1
    health = {row["account_key"]: row for row in _rows(engine, "account_health")}
    assert set(health) == {"A", "lost"}
    assert (health["A"]["open_opportunities"], float(health["A"]["won_amount"])) == (1, 40.0)
    assert (health["A"]["last_won_date"], health["A"]["open_failures"]) == (date(2026, 2, 2), 0)
    assert (health["lost"]["open_failures"], health["lost"]["health"]) == (1, "unknown")
    usage = _one(engine, "account_usage")
    assert (usage["account_id"], usage["active_users_30d"], usage["seats_used"]) == ("001A", 2, 3)
    assert (usage["events_this_week"], usage["events_week_before"], usage["days_silent"]) == (10, 20, 0)
    assert usage["last_seen_at"] == datetime(2026, 3, 4, 12, tzinfo=UTC)
    # 50 * 2/3 of adoption, 30 of recency, 20 * 10/20 of trend
    assert (usage["health_score"], health["A"]["health"]) == (73, "healthy")


@pytest.mark.usefixtures("environment")
@pytest.mark.timeout(300)
def test_a_broken_row_fails_its_check_and_the_marts_after_it_are_not_made(
    engine: Engine, database_url: str
) -> None:
    fill_raw(database_url, accounts=(), opportunities=[opportunity("1", "Prospecting") | {"StageName": None}])

    result = _build(model_key("stg_opportunity", schema="staging"), model_key("pipeline_by_stage"))

    assert not result.success
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert failed == {"not_null_stg_opportunity_stage"}
    made = {event.asset_key for event in result.asset_materializations_for_node("dbt_models")}
    assert made == {model_key("stg_opportunity", schema="staging")}


def test_every_model_and_every_column_is_described_and_marts_have_a_contract() -> None:
    manifest = _manifest()
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    undescribed = [
        f"{model['name']}.{column['name']}"
        for model in models
        for column in ({"name": "", "description": model["description"]}, *model["columns"].values())
        if not column["description"]
    ]
    loose = [
        model["name"]
        for model in models
        if model["schema"] == "mart" and not model["config"]["contract"]["enforced"]
    ]
    assert (undescribed, loose) == ([], [])


def test_models_stand_after_the_assets_that_fill_their_sources() -> None:
    (assets,) = models().assets or ()
    assert isinstance(assets, dg.AssetsDefinition)
    upstream = {key for spec in assets.specs for key in (dep.asset_key for dep in spec.deps)}

    assert upstream > {
        dg.AssetKey(["salesforce", "account", "extract"]),
        dg.AssetKey(["salesforce", "opportunity", "extract"]),
        dg.AssetKey(["salesforce", "api_limits"]),
        dg.AssetKey(["ledger", "failed_records"]),
        dg.AssetKey(["ledger", "bulk_jobs"]),
    }
    assert {spec.group_name for spec in assets.specs} == {"staging", "mart"}


def test_the_usage_sync_stands_after_its_model() -> None:
    graph = defs().get_repository_def().asset_graph
    usage = graph.get(dg.AssetKey(["salesforce", "usage", "account_usage"]))

    assert usage.parent_keys == {model_key("account_usage")}
    assert usage.tags["salesforce/criticality"] == "deferrable"
    assert isinstance(usage.partitions_def, dg.HourlyPartitionsDefinition)


def test_dbt_talks_to_nobody_but_the_warehouse() -> None:
    project = models_project(load_settings({}))
    flags = (project.folder / "dbt_project.yml").read_text()

    assert "send_anonymous_usage_stats: false" in flags
    # packages would be fetched
    assert not list(project.folder.glob("packages.y*ml")) + list(project.folder.glob("dependencies.y*ml"))


def _build(*keys: dg.AssetKey) -> dg.ExecuteInProcessResult:
    (assets,) = models().assets or ()
    assert isinstance(assets, dg.AssetsDefinition)
    selection = dg.AssetSelection.assets(*keys) if keys else None
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize([assets], instance=instance, selection=selection, raise_on_error=False)


def _manifest() -> dict[str, Any]:
    return json.loads(prepare_manifest(models_project(load_settings({}))).read_text())


def _rows(engine: Engine, mart: str) -> list[Mapping[str, Any]]:
    with engine.connect() as connection:
        return list(connection.execute(text(f"SELECT * FROM mart.{mart}")).mappings())


def _one(engine: Engine, mart: str) -> dict[str, Any]:
    (row,) = _rows(engine, mart)
    return dict(row)
