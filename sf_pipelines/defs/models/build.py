"""The dbt models as assets, their tests as checks, and the job that makes them all after the nightly extract.

Annotations are evaluated here, not postponed: Dagster reads the context class of a step from them.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from sf_pipelines.components.dbt_models import ModelTranslator
from sf_pipelines.config.settings import load_settings
from sf_pipelines.resources.dbt_project import models_project, prepare_manifest
from sf_pipelines.resources.dbt_runs import run_dbt

build_models = dg.define_asset_job(
    "build_models",
    selection=dg.AssetSelection.groups("staging", "mart"),
    description="Every dbt model with its tests, from what the ledger and raw.* hold now.",
)


@dg.schedule(job=build_models, cron_schedule="0 5 * * *", execution_timezone="UTC")
def build_models_schedule() -> dg.RunRequest:
    """At 05:00 UTC, when the nightly loads and extracts are done."""
    return dg.RunRequest()


@dg.definitions
def models() -> dg.Definitions:
    """Read from the manifest, which is made first where the project has changed."""
    settings = load_settings()

    @dbt_assets(
        manifest=prepare_manifest(models_project(settings), settings.database_url),
        name="dbt_models",
        dagster_dbt_translator=ModelTranslator(),
    )
    def dbt_models(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from run_dbt(context, ["build"])

    return dg.Definitions(assets=[dbt_models], jobs=[build_models], schedules=[build_models_schedule])
