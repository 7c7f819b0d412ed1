"""SalesforceExtract: one YAML block is one extract, `salesforce/<object>/extract`.

Annotations are evaluated here, not postponed: Dagster reads the config class of a step from them.
"""

from collections.abc import Iterator

import dagster as dg
from pydantic import ConfigDict, Field

from sf_pipelines.components.id_audit import AGREE, id_audit_asset
from sf_pipelines.components.launch import LaunchConfig, next_start_of
from sf_pipelines.components.partitions import NIGHTS, day_of, partitions_text, window_of
from sf_pipelines.components.sync_tags import sync_tags
from sf_pipelines.components.yaml_models import CriticalityName, LatencyName, criticality, latency
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.present.extracts import agreement_check, day_metadata, every_row_check, extract_metadata
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.errors import ReadError
from sf_pipelines.workflows.extract import ExtractReport, ExtractRequest, run_extract

EVERY_ROW = "every_row_accounted_for"

DAYS_A_RUN = 31
"""Days of a backfill that one run reads: their windows are sized by rows, so quiet days cost nothing, and a
worker that dies is followed by one that goes on at the last stored page."""


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
        """The extract with its checks, and the audit of its Ids."""
        del context
        sync = self.to_sync()
        return dg.Definitions(assets=[_asset(sync, self), id_audit_asset(sync, extract_key(sync.sobject))])


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
    checks = [
        dg.AssetCheckSpec(EVERY_ROW, asset=key, description="reported = received = written"),
        dg.AssetCheckSpec(AGREE, asset=key, description="the warehouse holds all rows that the org has"),
    ]

    @dg.multi_asset(
        name=f"salesforce_{sync.name}",
        specs=[spec],
        check_specs=checks,
        backfill_policy=dg.BackfillPolicy.multi_run(DAYS_A_RUN),
    )
    def extract(
        context: dg.AssetExecutionContext, config: LaunchConfig, pipelines: PipelinesResource
    ) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult]:
        request = ExtractRequest(
            sync=sync,
            window=window_of(context),
            partition_key=partitions_text(context),
            dagster_run_id=context.run.run_id,
            forced_rail=config.forced_rail,
            forced_reason=config.reason.strip(),
            next_start=next_start_of(context.run.tags),
        )
        config.accept(context)
        with pipelines.open(tell=context.log.info) as tools:
            try:
                report = run_extract(request, tools)
            except ReadError as error:
                yield from _days_read(error, context, key)
                raise
            if (changed := config.told_rail(report.decision.rail)) is not None:
                context.log.info(changed)
        yield _result(report, context, key)

    return extract


def _days_read(
    error: ReadError, context: dg.AssetExecutionContext, key: dg.AssetKey
) -> Iterator[dg.AssetMaterialization]:
    """Where a run of many days ends red, the days that it has read to their end are green all the same."""
    for day in context.partition_keys:
        if error.read_until is not None and day_of(day).end <= error.read_until:
            yield dg.AssetMaterialization(key, partition=day)


def _result(
    report: ExtractReport, context: dg.AssetExecutionContext, key: dg.AssetKey
) -> dg.MaterializeResult:
    for day in context.partition_keys:
        context.add_asset_metadata(day_metadata(report, day), asset_key=key, partition_key=day)
    return dg.MaterializeResult(
        asset_key=key,
        metadata=extract_metadata(report),
        check_results=[every_row_check(report, name=EVERY_ROW), agreement_check(report, name=AGREE)],
    )
