"""The asset `salesforce/api_limits`, which the sensor observes, and its check.

Annotations are evaluated here, not postponed: Dagster reads the resource of a check from them.
"""

import dagster as dg

from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.thresholds import current_thresholds
from sf_pipelines.model.headroom import WATCHED_BUDGETS, Headroom
from sf_pipelines.policy.budget_verdict import BudgetState, BudgetVerdict, budget_verdict
from sf_pipelines.present.quota import quota_metadata
from sf_pipelines.resources.pipelines import PipelinesResource

API_LIMITS = dg.AssetKey(["salesforce", "api_limits"])
WITHIN_BUDGET = "within_quota_budget"

api_limits = dg.AssetSpec(
    key=API_LIMITS,
    description="What is left of the org's quotas, observed by the sensor quota_headroom.",
    group_name="quota",
    kinds={"salesforce"},
)


@dg.asset_check(
    asset=API_LIMITS,
    name=WITHIN_BUDGET,
    description="every quota keeps what belongs to critical work, now and by forecast for a day",
)
def within_quota_budget(pipelines: PipelinesResource) -> dg.AssetCheckResult:
    """Looks at the ledger only; it costs no call."""
    with pipelines.open(tell=lambda _: None) as tools:
        headroom = QuotaBook(tools.engine, clock=tools.clock).headroom(WATCHED_BUDGETS)
        verdict = budget_verdict(headroom, current_thresholds(tools.engine), tools.clock())
    return dg.AssetCheckResult(
        passed=verdict.state is BudgetState.WITHIN,
        severity=severity_of(verdict),
        description=verdict.text,
        metadata=quota_metadata(headroom, verdict),
    )


def evaluation(headroom: Headroom, verdict: BudgetVerdict) -> dg.AssetCheckEvaluation:
    """The same check as an event of the sensor."""
    return dg.AssetCheckEvaluation(
        asset_key=API_LIMITS,
        check_name=WITHIN_BUDGET,
        passed=verdict.state is BudgetState.WITHIN,
        severity=severity_of(verdict),
        description=verdict.text,
        metadata=quota_metadata(headroom, verdict),
    )


def severity_of(verdict: BudgetVerdict) -> dg.AssetCheckSeverity:
    """A forecast warns, a fact is an error."""
    is_fact = verdict.state is BudgetState.BROKEN
    return dg.AssetCheckSeverity.ERROR if is_fact else dg.AssetCheckSeverity.WARN


@dg.definitions
def definitions() -> dg.Definitions:
    """The asset and its check."""
    return dg.Definitions(assets=[api_limits], asset_checks=[within_quota_budget])
