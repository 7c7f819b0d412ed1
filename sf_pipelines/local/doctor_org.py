"""The org as `doctor` sees it: entry, clock, quotas, and whether the user may do what the loads need.

About two metered calls and one for each object of a declared load.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sf_pipelines.config.settings import AuthFlow, Settings
from sf_pipelines.local.declared_syncs import declared_loads
from sf_pipelines.local.findings import Finding, State
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, WATCHED_BUDGETS, Headroom
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.errors import AccessDeniedError
from sf_pipelines.rails.ports import SalesforceClient
from sf_pipelines.workflows.checks import declared_mistakes
from sf_pipelines.workflows.known_objects import KnownObjects

WAIT_SECONDS = 15.0
SKEW_WARN_SECONDS = 30.0
SKEW_FAIL_SECONDS = 150.0
"""A JWT assertion lives 170 seconds: with a larger skew the org takes none."""

CLOCK_MEND = "set this machine's clock by NTP"


def examine_org(settings: Settings) -> Iterator[Finding]:
    """Entry first: without it nothing else can be known.

    Raises:
        SettingsError, SalesforceError: the org cannot be entered.
    """
    if settings.salesforce is None:
        yield Finding(
            "org",
            State.SKIPPED,
            "SF_PIPELINES_SALESFORCE_URL is not set: 'sf-pipelines dev' brings an emulator.",
        )
        return
    client = connect(settings.salesforce, attempts=2, longest_wait_seconds=WAIT_SECONDS)
    user = client.org.user_id() or "the user of the token"
    yield Finding("credentials", State.OK, f"{settings.salesforce.url} lets {user} in.")
    skew = client.org.org_time() - datetime.now(UTC)
    yield examine_clock(skew.total_seconds(), settings.salesforce.flow)
    yield from _quotas(client.org.headroom())
    yield from _loads(client, settings)


def examine_clock(skew_seconds: float, flow: AuthFlow) -> Finding:
    """How far the org's clock is ahead of this machine's, and whether that matters."""
    direction = "behind" if skew_seconds > 0 else "ahead of"
    told = f"This machine's clock is {abs(skew_seconds):,.0f} s {direction} the org's"
    if abs(skew_seconds) > SKEW_FAIL_SECONDS and flow is AuthFlow.JWT_BEARER:
        return Finding("clock", State.FAIL, f"{told}, and assertions would be refused: {CLOCK_MEND}.")
    if abs(skew_seconds) > SKEW_WARN_SECONDS:
        return Finding("clock", State.WARN, f"{told}: {CLOCK_MEND}.")
    return Finding("clock", State.OK, f"{told}.")


def _quotas(headroom: Headroom) -> Iterator[Finding]:
    missing = [name for name in WATCHED_BUDGETS if name not in headroom.budgets]
    reserve = DEFAULT_THRESHOLDS.throttle_below_share
    for name in WATCHED_BUDGETS:
        budget = headroom.budgets.get(name)
        if budget is None:
            continue
        text = f"{name}: {budget.remaining:,} of {budget.maximum:,} are left"
        if budget.maximum and budget.remaining < reserve * budget.maximum:
            yield Finding(
                "quota", State.WARN, f"{text}: deferrable work waits; see what else uses the org's API."
            )
        else:
            yield Finding("quota", State.OK, f"{text}.")
    if DAILY_API_REQUESTS in missing:
        yield Finding(
            "quota",
            State.FAIL,
            "The org does not tell its API requests: give the user 'View Setup and Configuration'.",
        )


def _loads(client: SalesforceClient, settings: Settings) -> Iterator[Finding]:
    assert settings.salesforce is not None
    objects = KnownObjects(
        settings.home / "described",
        org=settings.salesforce.url,
        ask=client.org.describe,
        clock=lambda: datetime.now(UTC),
    )
    for name, sync in declared_loads().items():
        try:
            objects.describe(sync.sobject, fresh=True)
            mistakes = declared_mistakes(sync, objects)
        except AccessDeniedError as error:
            yield Finding("permissions", State.FAIL, f"{name}: {error}")
            continue
        for mistake in mistakes:
            yield Finding("permissions", State.FAIL, str(mistake))
        if not mistakes:
            yield Finding(
                "permissions",
                State.OK,
                f"{name} may {sync.operation.value} {sync.sobject} with its {len(sync.fields)} fields.",
            )
