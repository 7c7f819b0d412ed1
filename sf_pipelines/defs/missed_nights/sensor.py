"""The sensor `missed_nights`: asks for the nights that an extract has not read, by the ledger.

Annotations are evaluated here, not postponed: Dagster reads the resource of a sensor from them.
"""

from datetime import UTC, datetime

import dagster as dg

from sf_pipelines.components.partitions import request_of
from sf_pipelines.components.sync_tags import OBJECT_TAG, SYNC_TAG, TaggedSync, declared_syncs
from sf_pipelines.model.rail import Direction
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.catch_up import MissedNights, look_for_missed_nights
from sf_pipelines.workflows.routing import RANGE_MARK

EVERY_SECONDS = 900


@dg.sensor(
    name="missed_nights",
    target=dg.AssetSelection.groups("extract"),
    minimum_interval_seconds=EVERY_SECONDS,
    description="Asks for nights between the first and the last due one that no extract has read to the end: "
    "the earliest month of them by one run, again after it failed, and no more than three times.",
)
def missed_nights(context: dg.SensorEvaluationContext, pipelines: PipelinesResource) -> dg.SensorResult:
    """A run for each sync that lacks nights; the ledger alone is asked, no metered call is made."""
    declared = declared_syncs(context)
    syncs = {sync.name: (sync, key) for sync, key in declared if sync.direction is Direction.EXTRACT}
    with pipelines.open_ledger() as engine:
        found = look_for_missed_nights(engine, syncs, datetime.now(UTC))
    for sentence in found.waiting:
        context.log.info(sentence)
    requests = [_request(nights, *syncs[nights.sync]) for nights in found.requests]
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SensorResult(skip_reason=" ".join(found.waiting) or "No extract lacks a night.")


def _request(nights: MissedNights, sync: TaggedSync, key: dg.AssetKey) -> dg.RunRequest:
    """The attempt is part of the key, since Dagster never starts a key twice, whatever became of its run."""
    nights_text = f"{nights.first}{RANGE_MARK}{nights.last}"
    return request_of(
        nights_text,
        run_key=f"{nights.sync}:{nights_text}:attempt-{nights.attempt}",
        asset_selection=[key],
        tags={SYNC_TAG: sync.name, OBJECT_TAG: sync.sobject},
    )


@dg.definitions
def definitions() -> dg.Definitions:
    """The sensor."""
    return dg.Definitions(sensors=[missed_nights])
