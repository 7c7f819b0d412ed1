"""SalesforceExtract: one YAML block is one extract, `salesforce/<object>/extract`.

Annotations are evaluated here, not postponed: Dagster reads the config class of a step from them.
"""

import dagster as dg
from pydantic import ConfigDict, Field

from sf_pipelines.components.launch import LaunchConfig, next_start_of
from sf_pipelines.components.partitions import NIGHTS, window_of
from sf_pipelines.components.sync_tags import sync_tags
from sf_pipelines.components.yaml_models import CriticalityName, LatencyName, criticality, latency
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.present.outcomes import extract_metadata
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.extract import ExtractReport, ExtractRequest, run_extract

EVERY_ROW = "every_row_accounted_for"


class SalesforceExtract(dg.Component, dg.Model, dg.Resolvable):
    """An extract of one sObject into the lake and the table raw.<object>."""

    model_config = ConfigDict(extra="forbid")

    object: str = Field(description="API name of the sObject, e.g. Opportunity")
    fields: list[str] = Field(
        default_factory=list, description="fields to read; empty means all that both rails can carry"
    )
    name: str | None = Field(None, description="name in the ledger; <object>_extract by default")
    description: str | None = None
    latency_class: LatencyName = "batch"
    criticality: CriticalityName = "normal"
    owners: list[str] = Field(default_factory=list, description="e-mail addresses or team:name")

    def to_sync(self) -> ExtractSync:
        """The declared extract as a model noun."""
        return ExtractSync(
            name=self.name or f"{self.object.lower()}_extract",
            sobject=self.object,
            fields=tuple(self.fields),
            latency_class=latency(self.latency_class),
            criticality=criticality(self.criticality),
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """One asset with its check."""
        del context
        return dg.Definitions(assets=[_asset(self.to_sync(), self)])


def extract_key(sobject: str) -> dg.AssetKey:
    """Asset key of the extract of an object."""
    return dg.AssetKey(["salesforce", sobject.lower(), "extract"])


def _asset(sync: ExtractSync, component: SalesforceExtract) -> dg.AssetsDefinition:
    key = extract_key(sync.sobject)
    spec = dg.AssetSpec(
        key=key,
        description=component.description
        or f"Rows of {sync.sobject} changed on a day, as Parquet and in raw.{sync.sobject.lower()}.",
        group_name="extract",
        kinds={"salesforce", "parquet", "postgres"},
        owners=component.owners,
        tags=sync_tags(sync),
        partitions_def=NIGHTS,
    )
    check = dg.AssetCheckSpec(EVERY_ROW, asset=key, description="reported = received = written")

    @dg.multi_asset(
        name=f"salesforce_{sync.name}",
        specs=[spec],
        check_specs=[check],
        backfill_policy=dg.BackfillPolicy.multi_run(1),
    )
    def extract(
        context: dg.AssetExecutionContext, config: LaunchConfig, pipelines: PipelinesResource
    ) -> dg.MaterializeResult:
        request = ExtractRequest(
            sync=sync,
            window=window_of(context),
            partition_key=context.partition_key,
            dagster_run_id=context.run.run_id,
            forced_rail=config.forced_rail,
            forced_reason=config.reason.strip(),
            next_start=next_start_of(context.run.tags),
        )
        config.accept(context)
        with pipelines.open(tell=context.log.info) as tools:
            report = run_extract(request, tools)
            if (changed := config.told_rail(report.decision.rail)) is not None:
                context.log.info(changed)
        return dg.MaterializeResult(
            asset_key=key, metadata=extract_metadata(report), check_results=[_every_row_check(report)]
        )

    return extract


def _every_row_check(report: ExtractReport) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=EVERY_ROW,
        passed=report.verdict.state.is_green,
        description=report.verdict.text,
        metadata={"rows_reported": report.counts.submitted, "rows_written": report.counts.succeeded},
    )
