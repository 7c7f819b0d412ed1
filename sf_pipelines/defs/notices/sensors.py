"""The sensors that tell people: `run_failure_notices` files failed runs, `failure_notices` sends.

What is told goes through the ledger's outbox, so that nothing is told twice within a day, and what could not
be sent is tried again.

Annotations are evaluated here, not postponed: Dagster reads the resource of a sensor from them.
"""

from datetime import timedelta

import dagster as dg
from sqlalchemy import Engine

from sf_pipelines.config.notices import NoticeSettings
from sf_pipelines.config.settings import load_settings
from sf_pipelines.ledger.failure_queries import RedLoad, red_loads
from sf_pipelines.ledger.notices import file_notice, notices_given_up
from sf_pipelines.ledger.partial_failures import partly_failed_loads
from sf_pipelines.present.notices import failed_run, partial_failure_notice, run_failure_notice
from sf_pipelines.resources.notices import open_channels
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.notices import send_due_notices
from sf_pipelines.workflows.open_failures import read_open_failures
from sf_pipelines.workflows.tools import utc_now

NOBODY_IS_TOLD = (
    "Nobody is told of failures: set SF_PIPELINES_NOTICE_WEBHOOK_URL, or SF_PIPELINES_SMTP_URL and "
    "SF_PIPELINES_NOTICE_EMAIL_TO."
)
LOOK_BACK = timedelta(hours=12)
"""Loads that ended before are not told of any more; shorter than the day in which nothing is told twice."""


@dg.run_failure_sensor(
    name="run_failure_notices",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Files a notice for every run that fails, with the next step; failure_notices sends it.",
)
def run_failure_notices(context: dg.RunFailureSensorContext, pipelines: PipelinesResource) -> dg.SkipReason:
    """One notice for a run, none for one that has been told of in the same words within a day."""
    notices = load_settings().notices
    if not notices.is_on:
        return dg.SkipReason(NOBODY_IS_TOLD)
    run = failed_run(context.dagster_run, context.get_step_failure_events())
    with pipelines.open_ledger() as engine:
        red = _red_load(engine, run.run_id)
        failures = read_open_failures(engine, sync=red.sync) if red else None
        notice = run_failure_notice(run, red, failures, ui_url=notices.ui_url)
        is_new = file_notice(engine, notice, open_channels(notices))
    return dg.SkipReason(
        f"{notice.subject}: {'it is to be told' if is_new else 'it was told within the last day'}."
    )


@dg.sensor(
    name="failure_notices",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of loads that ended green with rejected rows, and sends every notice that is due.",
)
def failure_notices(context: dg.SensorEvaluationContext, pipelines: PipelinesResource) -> dg.SkipReason:
    """Sends, and says in one sentence what was sent and what was not."""
    notices = load_settings().notices
    if not notices.is_on:
        return dg.SkipReason(NOBODY_IS_TOLD)
    channels = open_channels(notices)
    with pipelines.open_ledger() as engine:
        filed = _file_partial_failures(engine, notices)
        delivery = send_due_notices(engine, channels)
        given_up = notices_given_up(engine)
    for error in delivery.errors:
        context.log.warning(error)
    return dg.SkipReason(
        f"{filed:,} partial failures are new, {delivery.sent:,} notices were sent, "
        f"{len(delivery.errors):,} could not be sent and are tried again, {given_up:,} were given up."
    )


def _file_partial_failures(engine: Engine, settings: NoticeSettings) -> int:
    filed = 0
    for load in partly_failed_loads(engine, utc_now() - LOOK_BACK):
        failures = read_open_failures(engine, sync=load.sync)
        notice = partial_failure_notice(load, failures, ui_url=settings.ui_url)
        filed += file_notice(engine, notice, open_channels(settings))
    return filed


def _red_load(engine: Engine, dagster_run_id: str) -> RedLoad | None:
    return next((load for load in red_loads(engine) if load.dagster_run_id == dagster_run_id), None)


@dg.definitions
def definitions() -> dg.Definitions:
    """Both sensors."""
    return dg.Definitions(sensors=[run_failure_notices, failure_notices])
