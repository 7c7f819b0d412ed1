"""The sensors of change streams: `cdc_merges` has stored events merged, `cdc_gaps` has gaps repaired.

Annotations are evaluated here, not postponed: Dagster reads the resource of a sensor from them.
"""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine

from sf_pipelines.components.changes import changes_key, gap_repair_key
from sf_pipelines.components.sync_tags import streamed_objects
from sf_pipelines.ledger.change_figures import pending_events, stored_behind
from sf_pipelines.ledger.change_queries import GapRow, open_gaps
from sf_pipelines.ledger.locks import is_busy
from sf_pipelines.present.changes import (
    NO_OPEN_GAPS,
    POSITION_IS_FRESH,
    health_metadata,
    no_open_gaps,
    position_is_fresh,
)
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.change_health import change_health
from sf_pipelines.workflows.repair_job import repair_name

CHANGES = dg.AssetSelection.groups("changes")
AGAIN_SECONDS = 300

LONGEST_WAIT = timedelta(hours=1)
"""A repair that gave up is tried again after a minute, then after twice as long, and so on up to this."""


@dg.sensor(
    name="cdc_merges",
    asset_selection=CHANGES,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the merge of change events as soon as some are stored, and observes how the "
    "streams stand: events a minute, lag, age of the replay position, open gaps.",
)
def cdc_merges(context: dg.SensorEvaluationContext, pipelines: PipelinesResource) -> dg.SensorResult:
    """A run for each object with events that wait; an observation for each object of which events came."""
    channels = streamed_objects(context.repository_def)
    cursor = json.loads(context.cursor) if context.cursor else {}
    now = datetime.now(UTC)
    with pipelines.open_ledger() as engine:
        waiting = {name: item for name, item in pending_events(engine).items() if name in channels}
        stored = stored_behind(engine, cursor.get("newest_id"))
        minutes = (now.timestamp() - cursor["looked_at"]) / 60 if "looked_at" in cursor else None
        events = [
            event
            for sobject, channel in channels.items()
            for event in _events(engine, sobject, channel, stored.by_sobject.get(sobject, 0), minutes, now)
        ]
    # the same events are asked for again after a while, in case that the run has failed
    turn = int(now.timestamp() // AGAIN_SECONDS)
    requests = [
        dg.RunRequest(run_key=f"{name}:{item.newest_id}:{turn}", asset_selection=[changes_key(name)])
        for name, item in waiting.items()
    ]
    none = f"No event of {', '.join(channels) or 'any object'} waits to be merged."
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else none,
        asset_events=events,
        cursor=json.dumps({"version": 1, "newest_id": stored.newest_id, "looked_at": now.timestamp()}),
    )


@dg.sensor(
    name="cdc_gaps",
    asset_selection=CHANGES,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the repair of every gap that a stream of changes has left, and says in one "
    "sentence which gap waits for what.",
)
def cdc_gaps(context: dg.SensorEvaluationContext, pipelines: PipelinesResource) -> dg.SensorResult:
    """One run for each object with open gaps, whose repair is not under way and not put off."""
    requests: list[dg.RunRequest] = []
    waiting: list[str] = []
    with pipelines.open_ledger() as engine:
        now = datetime.now(UTC)
        for sobject, channel in streamed_objects(context.repository_def).items():
            gaps = [gap for gap in open_gaps(engine, sobject=sobject) if gap.channel == channel]
            why_not = _why_not(engine, sobject, gaps, now)
            if why_not is None:
                requests.append(_request(sobject, gaps))
            else:
                waiting.append(why_not)
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else " ".join(waiting) or "No object declares changes.",
    )


def _events(
    engine: Engine, sobject: str, channel: str, stored: int, minutes: float | None, now: datetime
) -> list[dg.AssetObservation | dg.AssetCheckEvaluation]:
    key = changes_key(sobject)
    health = change_health(engine, sobject, channel, now)
    rate = stored / minutes if minutes else None
    checks = ((NO_OPEN_GAPS, no_open_gaps(health)), (POSITION_IS_FRESH, position_is_fresh(health)))
    return [
        dg.AssetObservation(asset_key=key, metadata=health_metadata(health, rate)),
        *(
            dg.AssetCheckEvaluation(
                asset_key=key,
                check_name=name,
                passed=passed,
                severity=dg.AssetCheckSeverity.WARN,
                description=text,
            )
            for name, (passed, text) in checks
        ),
    ]


def _why_not(engine: Engine, sobject: str, gaps: list[GapRow], now: datetime) -> str | None:
    """Why no repair is asked for now; None where one is."""
    if not gaps:
        return f"{sobject} has no open gap."
    if is_busy(engine, repair_name(sobject)):
        return f"A repair of {sobject} is under way, and {len(gaps):,} gaps are open."
    tried = max(gaps, key=lambda gap: gap.repair_attempts)
    if tried.repair_started_at is None or tried.repair_error is None:
        return None
    until = tried.repair_started_at + min(LONGEST_WAIT, timedelta(minutes=2 ** (tried.repair_attempts - 1)))
    if now >= until:
        return None
    return (
        f"{sobject} has {len(gaps):,} open gaps; repair {tried.repair_attempts} gave up "
        f"({tried.repair_error}), and the next is tried at {until:%H:%M:%SZ}."
    )


def _request(sobject: str, gaps: list[GapRow]) -> dg.RunRequest:
    """The attempts are part of the key: Dagster never starts a key twice, whatever became of its run."""
    oldest, attempts = gaps[0], sum(gap.repair_attempts for gap in gaps)
    return dg.RunRequest(
        run_key=f"{sobject}:{oldest.id}:{len(gaps)}:attempt-{attempts + 1}",
        asset_selection=[gap_repair_key(sobject)],
        tags={"salesforce/gap": str(oldest.id), "salesforce/gaps": str(len(gaps))},
    )


@dg.definitions
def definitions() -> dg.Definitions:
    """Both sensors."""
    return dg.Definitions(sensors=[cdc_merges, cdc_gaps])
