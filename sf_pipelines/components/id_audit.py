"""The asset `salesforce/<object>/id_audit` behind an extract: rows that are gone for good, by their absence.

Annotations are evaluated here, not postponed: Dagster reads the resource of a step from them.
"""

import dagster as dg

from sf_pipelines.components.sync_tags import OBJECT_TAG
from sf_pipelines.lake.deleted_rows import IdAudit
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.id_audit import run_id_audit

AGREE = "source_and_org_agree"


def id_audit_asset(sync: ExtractSync, extract: dg.AssetKey) -> dg.AssetsDefinition:
    """The audit of an extracted object: one Bulk job over all Ids, so it runs weekly or on request."""
    key = dg.AssetKey(["salesforce", sync.sobject.lower(), "id_audit"])
    spec = dg.AssetSpec(
        key=key,
        description=f"Every Id of {sync.sobject} compared with raw.{sync.sobject.lower()}; rows that the org "
        "has no more are marked there by IsDeleted and _gone_since.",
        group_name="audit",
        kinds={"salesforce", "postgres"},
        tags={OBJECT_TAG: sync.sobject},
        deps=[extract],
    )
    check = dg.AssetCheckSpec(
        AGREE, asset=key, description="the warehouse holds every row, in its newest version"
    )

    @dg.multi_asset(name=f"salesforce_{sync.name}_id_audit", specs=[spec], check_specs=[check])
    def id_audit(context: dg.AssetExecutionContext, pipelines: PipelinesResource) -> dg.MaterializeResult:
        with pipelines.open(tell=context.log.info) as tools:
            audit = run_id_audit(sync.sobject, tools)
        return dg.MaterializeResult(asset_key=key, metadata=_figures(audit), check_results=[_check(audit)])

    return id_audit


def _figures(audit: IdAudit) -> dict[str, int]:
    return {
        "org_rows": audit.org_rows,
        "warehouse_rows": audit.warehouse_rows,
        "rows_missing": audit.missing,
        "rows_stale": audit.stale,
        "rows_gone": audit.gone,
        "rows_gone_before": audit.gone_before,
    }


def _check(audit: IdAudit) -> dg.AssetCheckResult:
    text = (
        f"Of {audit.org_rows:,} rows in the org the warehouse lacks {audit.missing:,} and holds "
        f"{audit.stale:,} in an older version; {audit.gone:,} rows that the org has no more were marked."
    )
    mend = "" if audit.agrees else " Extract the nights since the last green one, then run the audit again."
    return dg.AssetCheckResult(check_name=AGREE, passed=audit.agrees, description=text + mend)
