"""FailedRecords: the asset `ledger/failed_records` behind every load, and what a person does about it.

Annotations are evaluated here, not postponed: Dagster reads the config class of a step from them.
"""

import dagster as dg
from pydantic import ConfigDict, Field

from sf_pipelines.components.load import SalesforceLoad, load_key
from sf_pipelines.present.failures import failures_metadata, no_load_left_failed
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.open_failures import read_open_failures

FAILED_RECORDS = dg.AssetKey(["ledger", "failed_records"])
NO_LOAD_LEFT_FAILED = "no_load_left_failed"


class FailedRecords(dg.Component, dg.Model, dg.Resolvable):
    """Every record that a load did not get into the org, and whether anything waits for a person."""

    model_config = ConfigDict(extra="forbid")

    owners: list[str] = Field(default_factory=list, description="e-mail addresses or team:name")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """One asset downstream of all declared loads, with its check."""
        loads = context.component_tree.get_all_components(of_type=SalesforceLoad)
        return dg.Definitions(assets=[_asset(loads, self.owners)])


def _asset(loads: list[SalesforceLoad], owners: list[str]) -> dg.AssetsDefinition:
    spec = dg.AssetSpec(
        key=FAILED_RECORDS,
        description="Records that did not reach the org, with values, code, message, job or request, attempt "
        "and class: the table ledger.failed_record.",
        group_name="ledger",
        kinds={"postgres"},
        owners=owners,
        deps=sorted({load_key(load.object) for load in loads}),
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
