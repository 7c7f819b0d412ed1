"""Running the asset of one component, and reading what Dagster kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from sf_pipelines.resources.pipelines import PipelinesResource

NIGHT = "2026-03-04"


def asset_of(component: dg.Component) -> dg.AssetsDefinition:
    """The asset of a component; an audit that comes with it stands behind it."""
    definitions = component.build_defs(dg.ComponentTree.for_test().load_context)
    asset, *_audits = definitions.assets or ()
    assert isinstance(asset, dg.AssetsDefinition)
    return asset


def materialized(
    component: dg.Component,
    instance: dg.DagsterInstance,
    *,
    config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.ExecuteInProcessResult:
    """A run of the asset for the night, whatever its end."""
    asset = asset_of(component)
    return dg.materialize(
        [asset],
        instance=instance,
        partition_key=NIGHT,
        resources={"pipelines": PipelinesResource()},
        run_config={"ops": {asset.op.name: {"config": dict(config)}}} if config else None,
        tags=dict(tags or {}),
        raise_on_error=False,
    )


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    """Check name to whether it passed, and its severity."""
    return {
        item.check_name: (item.passed, item.severity.value) for item in result.get_asset_check_evaluations()
    }
