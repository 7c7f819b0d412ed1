"""The sensors that decide: `quota_headroom` watches the quotas, `rail_router` asks for runs.

Annotations are evaluated here, not postponed: Dagster reads the resource of a sensor from them.
"""

import dagster as dg

from sf_pipelines.components.launch import RAIL_TAG
from sf_pipelines.components.partitions import request_of
from sf_pipelines.components.sync_tags import OBJECT_TAG, SYNC_TAG, asset_keys
from sf_pipelines.defs.rail_policy.api_limits import API_LIMITS, evaluation
from sf_pipelines.model.decision import Decision
from sf_pipelines.present.quota import quota_metadata
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.quota_watch import QuotaWatch, watch_quota
from sf_pipelines.workflows.routing import PendingWork, decide_pending, pending_work

SYNCS = dg.AssetSelection.groups("load", "usage", "extract")


@dg.sensor(
    name="quota_headroom",
    minimum_interval_seconds=60,
    description="Observes what is left of the org's quotas, gives back the quota of dead runs, and lets "
    "deferred work go when the forecast allows. It reads at most 0.5 % of the daily API calls away.",
)
def quota_headroom(context: dg.SensorEvaluationContext, pipelines: PipelinesResource) -> dg.SensorResult:
    """An observation of `salesforce/api_limits` where a reading is due; else a sentence."""

    def is_over(run_id: str) -> bool:
        run = context.instance.get_run_by_id(run_id)
        return run is None or run.is_finished

    with pipelines.open(tell=context.log.info) as tools:
        watch = watch_quota(tools, is_over=is_over)
    for work in watch.released:
        context.log.info(f"{work.name} may go now.")
    if watch.next_in_seconds is not None:
        return dg.SensorResult(skip_reason=_not_due(watch))
    metadata = quota_metadata(watch.headroom, watch.verdict)
    return dg.SensorResult(
        asset_events=[
            dg.AssetObservation(asset_key=API_LIMITS, metadata=metadata),
            evaluation(watch.headroom, watch.verdict),
        ],
        skip_reason=f"{watch.verdict.text} {_released(watch)}",
    )


@dg.sensor(
    name="rail_router",
    asset_selection=SYNCS,
    minimum_interval_seconds=60,
    description="For each sync with pending work (deferred, or a night that its schedule missed): decides, "
    "and asks for a run with its rail, or says in one sentence why not.",
)
def rail_router(context: dg.SensorEvaluationContext, pipelines: PipelinesResource) -> dg.SensorResult:
    """Run requests for what the policy would send now."""
    keys = asset_keys(context)
    with pipelines.open(tell=context.log.info) as tools:
        now = tools.clock()
        works = pending_work(tools.engine, keys, now)
        early = [work for work in works if work.not_before is not None and now < work.not_before]
        decided = decide_pending(tools.engine, [work for work in works if work not in early], tools.clock)
    requests = [_request(work, item, keys) for work, item in decided if item.action.sends]
    waiting = [_why_not(work, item) for work, item in decided if not item.action.sends]
    waiting += [f"{work.name} waits until {work.not_before:%Y-%m-%d %H:%M}Z: {work.why}" for work in early]
    for sentence in waiting:
        context.log.info(sentence)
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SensorResult(skip_reason=" ".join(waiting) or "No sync has pending work.")


def _request(work: PendingWork, decision: Decision, keys: dict[str, dg.AssetKey]) -> dg.RunRequest:
    """The key carries the attempt: Dagster never starts the same key twice, even if its run failed."""
    sync, rail = work.slice.sync, decision.rail.value if decision.rail else "none"
    return request_of(
        work.partition_key,
        run_key=f"{sync}:{work.partition_key}:attempt-{work.attempt}",
        asset_selection=[keys[sync]],
        run_config={"ops": {f"salesforce_{sync}": {"config": {"routed_rail": rail}}}},
        tags={RAIL_TAG: rail, SYNC_TAG: sync, OBJECT_TAG: work.slice.sobject},
    )


def _why_not(work: PendingWork, decision: Decision) -> str:
    until = f" Ask again at {decision.defer_until:%Y-%m-%d %H:%M}Z." if decision.defer_until else ""
    return f"{work.name} is not sent: {' '.join(reason.text for reason in decision.because)}{until}"


def _not_due(watch: QuotaWatch) -> str:
    return f"The next reading of the quotas is due in {watch.next_in_seconds:,.0f} s. {_released(watch)}"


def _released(watch: QuotaWatch) -> str:
    names = ", ".join(work.name for work in watch.released) or "nothing"
    return f"Released: {names}; quota of {watch.given_back:,} dead runs given back."


@dg.definitions
def definitions() -> dg.Definitions:
    """Both sensors."""
    return dg.Definitions(sensors=[quota_headroom, rail_router])
