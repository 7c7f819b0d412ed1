"""The rail policy run by Dagster's sensors on real parts in small: emulator, ledger, components."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from sf_pipelines.components.load import SalesforceLoad
from sf_pipelines.components.yaml_models import CriticalityName, SourceBlock, ToleranceBlock
from sf_pipelines.defs.rail_policy.api_limits import API_LIMITS, api_limits, within_quota_budget
from sf_pipelines.defs.rail_policy.sensors import quota_headroom, rail_router
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines_tests.workflows.orgs import KEY, write_csv

__all__ = ["API_LIMITS"]


def load(folder: Path, name: str, criticality: CriticalityName) -> SalesforceLoad:
    """A load of one account."""
    source = write_csv(folder / f"{name}.csv", [{KEY: name, "Name": name}])
    return SalesforceLoad(
        object="Account" if criticality == "critical" else "Contact",
        operation="upsert",
        key=KEY,
        source=SourceBlock(sql=None, table=None, csv=source.location, parquet=None),
        fields={KEY: KEY, "Name" if criticality == "critical" else "LastName": "Name"},
        tolerance=ToleranceBlock(rows=0, share=0.0),
        name=name,
        criticality=criticality,
        description=None,
    )


def repository(*components: SalesforceLoad) -> dg.RepositoryDefinition:
    """Loads, sensors, the quota asset and its check, as one code location."""
    context = dg.ComponentTree.for_test().load_context
    syncs = [component.build_defs(context) for component in components]
    policy = dg.Definitions(
        assets=[api_limits],
        asset_checks=[within_quota_budget],
        sensors=[quota_headroom, rail_router],
        resources={"pipelines": PipelinesResource()},
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(*syncs, policy).get_repository_def()


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, repository_def: dg.RepositoryDefinition
) -> dg.SensorResult:
    """One evaluation, as the daemon makes it."""
    context = dg.build_sensor_context(
        instance=instance,
        repository_def=repository_def,
        resources={"pipelines": PipelinesResource()},
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result
