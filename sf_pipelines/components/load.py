"""SalesforceLoad: one YAML block is one load, `salesforce/<object>/load` or `salesforce/usage/<sync>`.

Green means that every submitted row is accounted for and the rejected ones are within tolerance. A red
end yields its evidence as an observation and failed checks, and no materialization.

Annotations are evaluated here, not postponed: Dagster reads the config class of a step from them.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

import dagster as dg
from pydantic import ConfigDict, Field

from sf_pipelines.components.launch import LoadLaunchConfig, next_start_of
from sf_pipelines.components.org_check import check_against_org
from sf_pipelines.components.partitions import HOURS, NIGHTS
from sf_pipelines.components.scaffold import LoadScaffolder
from sf_pipelines.components.schedules import OWN_SCHEDULE, sync_schedule
from sf_pipelines.components.sync_tags import sync_tags
from sf_pipelines.components.yaml_models import (
    CriticalityChoice,
    FieldBlock,
    LatencyName,
    OperationName,
    ScheduleBlock,
    SourceBlock,
    ToleranceBlock,
    criticality,
    key_among_fields,
    key_is_missing,
    latency,
    to_mappings,
)
from sf_pipelines.ledger.failure_queries import previous_run
from sf_pipelines.ledger.queries import error_counts
from sf_pipelines.model.outcome import VerdictState
from sf_pipelines.model.rail import Operation
from sf_pipelines.model.sync import LoadScope, LoadSync
from sf_pipelines.present.outcomes import load_metadata, next_step_of
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.load import LoadReport, LoadRequest, run_load
from sf_pipelines.workflows.resend import with_corrections

EVERY_ROW = "every_row_accounted_for"
REJECTS = "rejects_within_tolerance"

LoadEvent = dg.MaterializeResult | dg.AssetCheckResult | dg.AssetObservation


@dg.scaffold_with(LoadScaffolder)
class SalesforceLoad(dg.Component, dg.Model, dg.Resolvable):
    """A load from the warehouse, or a file, into one sObject."""

    model_config = ConfigDict(extra="forbid")

    object: str = Field(description="API name of the sObject, e.g. Account")
    operation: OperationName = Field(description="insert, update, upsert or delete")
    key: Annotated[str, dg.Resolver.from_model(key_among_fields)] = Field(
        description="field that identifies a row: external id for upsert, Id for update and delete"
    )
    source: SourceBlock
    fields: dict[str, str | FieldBlock] = Field(
        description="Salesforce field (or Parent.ExternalId__c) to source column, or to a block with values"
    )
    name: str | None = Field(None, description="name in the ledger; <object>_load by default")
    description: str | None = None
    usage: bool = Field(
        False,
        description="a usage sync: the asset is salesforce/usage/<name>, sent every hour as it stands, and "
        "deferrable unless 'criticality' says otherwise",
    )
    deps: list[str] = Field(
        default_factory=list, description="assets that fill the source, e.g. mart/account_usage"
    )
    after: list[str] = Field(default_factory=list, description="objects whose load comes first, e.g. parents")
    tolerance: ToleranceBlock = ToleranceBlock(rows=0, share=0.0)
    only_changed: bool = Field(
        False, description="leave out rows that the org last accepted from here as they are"
    )
    schedule: ScheduleBlock | None = Field(
        None, description="runs by a schedule of its own; without one it is part of the nightly job"
    )
    latency_class: LatencyName = Field(
        "batch",
        description="interactive, near_real_time or batch: how soon it has to be done once it started",
    )
    criticality: CriticalityChoice = Field(
        None,
        description="critical, normal or deferrable: who yields when a quota gets short; normal by default, "
        "of a usage sync deferrable",
    )
    owners: list[str] = Field(default_factory=list, description="e-mail addresses or team:name")

    def to_sync(self) -> LoadSync:
        """The declared load as a model noun.

        Raises:
            ValueError: the key is not among the fields.
        """
        if self.key not in self.fields:
            raise ValueError(key_is_missing(self.key, self.object))
        if self.usage and self.schedule:
            raise ValueError(
                f"the usage sync of {self.object} has a schedule: leave it out, the job usage_hourly runs it"
            )
        mappings = to_mappings(self.fields)
        if any(mapping.is_sensitive and mapping.field == self.key for mapping in mappings):
            raise ValueError(
                f"the key {self.key} of the {self.object} load cannot be sensitive: it names rows"
            )
        return LoadSync(
            name=self.name or f"{self.object.lower()}_load",
            sobject=self.object,
            operation=Operation(self.operation),
            key=self.key,
            source=self.source.to_source(),
            fields=mappings,
            tolerance=self.tolerance.to_tolerance(),
            latency_class=latency(self.latency_class),
            criticality=criticality(self.criticality or ("deferrable" if self.usage else "normal")),
            only_changed=self.only_changed,
        )

    @property
    def asset_key(self) -> dg.AssetKey:
        """Asset key of the load."""
        return usage_key(self.to_sync().name) if self.usage else load_key(self.object)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """One asset with its two checks, its schedule, and the job that sends its failed rows again.

        Raises:
            SyncError: the org is reachable and describes other fields; see `org_check`.
        """
        sync = self.to_sync()
        check_against_org(sync, context)
        schedules = [sync_schedule(sync, self.asset_key, self.schedule)] if self.schedule else []
        assets = dg.Definitions(assets=[_asset(sync, self)], schedules=schedules)
        return dg.Definitions.merge(assets, _resend_job(sync, self.asset_key))


def load_key(sobject: str) -> dg.AssetKey:
    """Asset key of the load of an object."""
    return dg.AssetKey(["salesforce", sobject.lower(), "load"])


def usage_key(sync: str) -> dg.AssetKey:
    """Asset key of a usage sync."""
    return dg.AssetKey(["salesforce", "usage", sync])


def resend_job_name(sync: LoadSync) -> str:
    """Name of the job that sends the failed rows of a load again."""
    return f"resend_{sync.name}"


def resend_config(sync: LoadSync, scope: LoadScope) -> dg.RunConfig:
    """Run config of that job."""
    return dg.RunConfig(ops={_op_name(sync): LoadLaunchConfig(scope=scope.value)})


def _resend_job(sync: LoadSync, key: dg.AssetKey) -> dg.Definitions:
    job = dg.define_asset_job(
        resend_job_name(sync),
        selection=dg.AssetSelection.assets(key),
        config=resend_config(sync, LoadScope.FAILED),
        description=f"Rows of {sync.name} that failed, sent again: the partition ends green when few enough "
        "are left.",
        tags={"salesforce/object": sync.sobject},
    )
    return dg.Definitions(jobs=[job])


def _op_name(sync: LoadSync) -> str:
    return f"salesforce_{sync.name}"


def _asset(sync: LoadSync, component: SalesforceLoad) -> dg.AssetsDefinition:
    key = component.asset_key
    spec = dg.AssetSpec(
        key=key,
        description=component.description or f"{sync.operation.value} of {sync.sobject} by {sync.key}.",
        group_name="usage" if component.usage else "load",
        kinds={"salesforce"},
        owners=component.owners,
        deps=[*map(load_key, component.after), *map(dg.AssetKey.from_user_string, component.deps)],
        tags=sync_tags(sync) | dict([OWN_SCHEDULE] if component.schedule else []),
        partitions_def=HOURS if component.usage else NIGHTS,
    )
    checks = [
        dg.AssetCheckSpec(EVERY_ROW, asset=key, description="submitted = succeeded + failed + unprocessed"),
        dg.AssetCheckSpec(REJECTS, asset=key, description="rejected rows are no more than the tolerance"),
    ]

    @dg.multi_asset(
        name=_op_name(sync),
        specs=[spec],
        check_specs=checks,
        backfill_policy=dg.BackfillPolicy.multi_run(1),
    )
    def load(
        context: dg.AssetExecutionContext, config: LoadLaunchConfig, pipelines: PipelinesResource
    ) -> Iterator[LoadEvent]:
        request = LoadRequest(
            sync=with_corrections(sync, config.corrections) if config.corrections else sync,
            partition_key=context.partition_key,
            dagster_run_id=context.run.run_id,
            forced_rail=config.forced_rail,
            forced_reason=config.reason.strip(),
            next_start=next_start_of(context.run.tags),
            again=config.again,
            scope=LoadScope.FAILED if config.corrections else config.load_scope,
        )
        config.accept(context)
        with pipelines.open(tell=context.log.info) as tools:
            report = run_load(request, tools)
            if (changed := config.told_rail(report.decision.rail)) is not None:
                context.log.info(changed)
            errors = error_counts(tools.engine, report.run_id)
            previous = previous_run(tools.engine, report.run_id)
        metadata = load_metadata(report, errors, previous_run=previous)
        yield from load_events(
            key, report, metadata, partition=context.partition_key, next_step=next_step_of(errors)
        )

    return load


def load_events(
    key: dg.AssetKey,
    report: LoadReport,
    metadata: Mapping[str, dg.MetadataValue],
    *,
    partition: str | None,
    next_step: str = "",
) -> Iterator[LoadEvent]:
    """Checks, then a materialization if green; else an observation and a failure of the run.

    Args:
        next_step: what to do about refused rows, for the check that counts them.

    Raises:
        dagster.Failure: the load is beyond tolerance or not all accounted for. Dagster must not retry
            it: the rejected rows would be rejected again.
    """
    yield _every_row_check(key, report)
    yield _rejects_check(key, report, next_step)
    if report.verdict.state.is_green:
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)
        return
    yield dg.AssetObservation(asset_key=key, metadata=metadata, partition=partition)
    raise dg.Failure(report.verdict.text, metadata={"ledger_run": str(report.run_id)}, allow_retries=False)


def _every_row_check(key: dg.AssetKey, report: LoadReport) -> dg.AssetCheckResult:
    counts = report.counts
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=EVERY_ROW,
        passed=report.verdict.state not in (VerdictState.ROWS_UNACCOUNTED, VerdictState.COUNTERS_DISAGREE),
        description=report.verdict.text,
        metadata={"rows_submitted": counts.submitted, "rows_accounted_for": counts.accounted},
    )


def _rejects_check(key: dg.AssetKey, report: LoadReport, next_step: str) -> dg.AssetCheckResult:
    within = report.verdict.state is VerdictState.REJECTS_WITHIN_TOLERANCE
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=REJECTS,
        passed=report.verdict.state is VerdictState.COMPLETE,
        severity=dg.AssetCheckSeverity.WARN if within else dg.AssetCheckSeverity.ERROR,
        description=f"{report.verdict.text} {next_step}".strip(),
        metadata={"rows_rejected": report.counts.rejected},
    )
