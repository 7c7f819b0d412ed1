"""FailedRecords: the asset `ledger/failed_records` behind every load, and what a person does about it.

Annotations are evaluated here, not postponed: Dagster reads the config class of a step from them.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import dagster as dg
from pydantic import ConfigDict, Field

from sf_pipelines.components.load import SalesforceLoad, resend_config
from sf_pipelines.model.sync import LoadScope, LoadSync
from sf_pipelines.present.failures import failures_metadata, no_load_left_failed
from sf_pipelines.present.outcomes import FAILED_RECORDS
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.open_failures import OpenFailures, read_open_failures
from sf_pipelines.workflows.retries import Retry, RetryCursor, look_for_retries

NO_LOAD_LEFT_FAILED = "no_load_left_failed"
SECONDS_BETWEEN_LOOKS = 60


class FailedRecords(dg.Component, dg.Model, dg.Resolvable):
    """Every record that a load did not get into the org, and whether anything waits for a person."""

    model_config = ConfigDict(extra="forbid")

    owners: list[str] = Field(default_factory=list, description="e-mail addresses or team:name")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """One asset downstream of all declared loads, with its check."""
        loads = context.component_tree.get_all_components(of_type=SalesforceLoad)
        syncs = {load.asset_key: load.to_sync() for load in loads}
        return dg.Definitions(assets=[_asset(syncs, self.owners)], sensors=[_sensor(syncs)])


def _asset(syncs: Iterable[dg.AssetKey], owners: list[str]) -> dg.AssetsDefinition:
    spec = dg.AssetSpec(
        key=FAILED_RECORDS,
        description="Records that did not reach the org, with values, code, message, job or request, attempt "
        "and class: the table ledger.failed_record.",
        group_name="ledger",
        kinds={"postgres"},
        owners=owners,
        deps=sorted(syncs),
    )
    check = dg.AssetCheckSpec(
        NO_LOAD_LEFT_FAILED,
        asset=FAILED_RECORDS,
        description="the newest load of every partition ended green; what is open and what to do next",
    )

    @dg.multi_asset(name="ledger_failed_records", specs=[spec], check_specs=[check])
    def failed_records(pipelines: PipelinesResource) -> dg.MaterializeResult:
        with pipelines.open_ledger() as engine:
            failures = read_open_failures(engine)
        return dg.MaterializeResult(
            asset_key=FAILED_RECORDS,
            metadata=failures_metadata(failures),
            check_results=[no_load_left_failed(failures, key=FAILED_RECORDS, name=NO_LOAD_LEFT_FAILED)],
        )

    return failed_records


def _sensor(syncs: Mapping[dg.AssetKey, LoadSync]) -> dg.SensorDefinition:
    keys = {sync.name: key for key, sync in syncs.items()}

    @dg.sensor(
        name="failed_record_retries",
        asset_selection=dg.AssetSelection.assets(*syncs),
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends failed rows again that pass by themselves or have changed at the source.",
    )
    def failed_record_retries(
        context: dg.SensorEvaluationContext, pipelines: PipelinesResource
    ) -> dg.SensorResult:
        cursor = RetryCursor.read(context.cursor)
        with pipelines.open_ledger() as engine:
            failures = read_open_failures(engine)
            look = look_for_retries(list(syncs.values()), engine, cursor.looked_at, now=datetime.now(UTC))
        return dg.SensorResult(
            run_requests=[_run_request(retry, keys[retry.sync.name]) for retry in look.retries],
            skip_reason=None if look.retries else look.why_none,
            asset_events=_events(failures) if failures.fingerprint != cursor.fingerprint else [],
            cursor=RetryCursor(fingerprint=failures.fingerprint, looked_at=look.looked_at).write(),
        )

    return failed_record_retries


def _run_request(retry: Retry, key: dg.AssetKey) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=retry.run_key,
        partition_key=retry.partition_key,
        asset_selection=[key],
        run_config=resend_config(retry.sync, LoadScope.RETRYABLE),
        tags={
            "salesforce/object": retry.sync.sobject,
            "salesforce/rows_due": str(retry.rows_due),
            "salesforce/rows_changed": str(retry.rows_changed),
        },
    )


def _events(failures: OpenFailures) -> list[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """The asset and its check brought up to date without a run."""
    check = no_load_left_failed(failures, key=FAILED_RECORDS, name=NO_LOAD_LEFT_FAILED)
    return [
        dg.AssetMaterialization(FAILED_RECORDS, metadata=failures_metadata(failures)),
        dg.AssetCheckEvaluation(
            asset_key=FAILED_RECORDS,
            check_name=NO_LOAD_LEFT_FAILED,
            passed=check.passed,
            severity=check.severity,
            description=check.description,
            metadata=check.metadata,
        ),
    ]
