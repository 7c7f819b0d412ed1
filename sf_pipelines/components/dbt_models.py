"""What Dagster calls the dbt models: keys, groups and tables, also for what stands after them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.asset_utils import default_metadata_from_dbt_resource_props


def model_key(model: str, *, schema: str = "mart") -> dg.AssetKey:
    """Asset key of a model: its schema and its name."""
    return dg.AssetKey([schema, model])


class ModelTranslator(DagsterDbtTranslator):
    """Models are `<schema>/<name>` in the group of their schema; sources name their asset in the project."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """A source without an asset of its own is `<source>/<table>`."""
        if dbt_resource_props["resource_type"] == "model":
            return model_key(dbt_resource_props["name"], schema=dbt_resource_props["schema"])
        return super().get_asset_key(dbt_resource_props)

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The schema."""
        return str(dbt_resource_props["schema"])

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The model's own sentence; its SQL is in the project."""
        return str(dbt_resource_props["description"])

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """Columns with their descriptions, and the table without its database."""
        columns = default_metadata_from_dbt_resource_props(dbt_resource_props)
        table = f"{dbt_resource_props['schema']}.{dbt_resource_props['name']}"
        return {**columns, "dagster/table_name": table}
