"""SalesforceChanges: one YAML block is one object whose changes are merged as they come, and repaired.

Annotations are evaluated here, not postponed: Dagster reads the config class of a step from them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from pydantic import ConfigDict, Field

from sf_pipelines.components.sync_tags import CHANNEL_PREFIX, CHANNEL_TAG, OBJECT_TAG
from sf_pipelines.config.change_settings import DEFAULT_CHANNELS
from sf_pipelines.present.changes import (
    NO_OPEN_GAPS,
    POSITION_IS_FRESH,
    merge_metadata,
    no_open_gaps,
    position_is_fresh,
    repair_metadata,
)
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.change_health import ChangeHealth, change_health
from sf_pipelines.workflows.merge_changes import merge_changes
from sf_pipelines.workflows.repair_gap import divide_gaps, repair_gaps


class SalesforceChanges(dg.Component, dg.Model, dg.Resolvable):
    """Changes of one sObject from a stream into the table raw.<object>, and the repair of its gaps."""

    model_config = ConfigDict(extra="forbid")

    object: str = Field(description="API name of the sObject, e.g. Opportunity")
    channel: str = Field(
        default=DEFAULT_CHANNELS[0],
        description="the channel that 'sf-pipelines subscribe' reads, e.g. /data/ChangeEvents",
    )
    description: str | None = None
    owners: list[str] = Field(default_factory=list, description="e-mail addresses or team:name")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset of the changes with its checks, and the one of the repairs."""
        others = context.component_tree.get_all_components(of_type=SalesforceChanges)
        objects = [item.object for item in others if item.channel == self.channel]
        return dg.Definitions(assets=[_changes(self), _gap_repair(self, objects)])


def changes_key(sobject: str) -> dg.AssetKey:
    """Asset key of the changes of an object."""
    return dg.AssetKey(["salesforce", sobject.lower(), "changes"])


def gap_repair_key(sobject: str) -> dg.AssetKey:
    """Asset key of the repairs of an object's gaps."""
    return dg.AssetKey(["salesforce", sobject.lower(), "gap_repair"])


def _changes(component: SalesforceChanges) -> dg.AssetsDefinition:
    sobject, channel = component.object, component.channel
    key = changes_key(sobject)
    spec = dg.AssetSpec(
        key=key,
        description=component.description
        or f"Changes of {sobject} as they were committed, merged into raw.{sobject.lower()}.",
        group_name="changes",
        kinds={"salesforce", "postgres"},
        owners=component.owners,
        tags=_tags(component),
    )
    checks = [
        dg.AssetCheckSpec(NO_OPEN_GAPS, asset=key, description="no change is known to be missing"),
        dg.AssetCheckSpec(POSITION_IS_FRESH, asset=key, description="the stream tells where it stands"),
    ]

    @dg.multi_asset(name=f"salesforce_{sobject.lower()}_changes", specs=[spec], check_specs=checks)
    def changes(pipelines: PipelinesResource) -> dg.MaterializeResult:
        with pipelines.open_ledger() as engine:
            merge = merge_changes(engine, sobject, channel)
            health = change_health(engine, sobject, channel, datetime.now(UTC))
        return dg.MaterializeResult(
            asset_key=key, metadata=merge_metadata(merge, health), check_results=_results(health, key)
        )

    return changes


def _gap_repair(component: SalesforceChanges, objects: Sequence[str]) -> dg.AssetsDefinition:
    sobject, channel = component.object, component.channel
    key = gap_repair_key(sobject)
    spec = dg.AssetSpec(
        key=key,
        description=f"Changes of {sobject} that no event brought, read from the org, each with its proof.",
        group_name="changes",
        kinds={"salesforce", "postgres"},
        owners=component.owners,
        tags=_tags(component),
    )

    @dg.multi_asset(name=f"salesforce_{sobject.lower()}_gap_repair", specs=[spec])
    def gap_repair(context: dg.AssetExecutionContext, pipelines: PipelinesResource) -> dg.MaterializeResult:
        with pipelines.open(tell=context.log.info) as tools:
            divide_gaps(channel, sorted({sobject, *objects}), tools)
            repairs = repair_gaps(sobject, tools, dagster_run_id=context.run.run_id)
        return dg.MaterializeResult(asset_key=key, metadata=repair_metadata(repairs))

    return gap_repair


def _tags(component: SalesforceChanges) -> dict[str, str]:
    return {OBJECT_TAG: component.object, CHANNEL_TAG: component.channel.removeprefix(CHANNEL_PREFIX)}


def _results(health: ChangeHealth, key: dg.AssetKey) -> list[dg.AssetCheckResult]:
    return [
        dg.AssetCheckResult(
            check_name=name,
            asset_key=key,
            passed=passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=text,
        )
        for name, (passed, text) in (
            (NO_OPEN_GAPS, no_open_gaps(health)),
            (POSITION_IS_FRESH, position_is_fresh(health)),
        )
    ]
