"""A load with a schedule of its own: which day it fills, and that the nightly job leaves it alone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from sf_pipelines.components.launch import next_start_of
from sf_pipelines.components.load import SalesforceLoad, load_key
from sf_pipelines.components.yaml_models import ScheduleBlock, SourceBlock
from sf_pipelines.defs.nightly import jobs


def load_of(sobject: str, schedule: ScheduleBlock | None) -> SalesforceLoad:
    return SalesforceLoad(
        object=sobject,
        operation="upsert",
        key="External_Id__c",
        source=SourceBlock(table="crm.rows"),
        fields={"External_Id__c": "key"},
        schedule=schedule,
    )


def definitions_of(load: SalesforceLoad) -> dg.Definitions:
    return load.build_defs(dg.ComponentTree.for_test().load_context)


def requested_at(schedule: ScheduleBlock, at: datetime) -> dg.RunRequest:
    (definition,) = definitions_of(load_of("Contact", schedule)).schedules or ()
    assert isinstance(definition, dg.ScheduleDefinition)
    request = definition(dg.build_schedule_context(scheduled_execution_time=at))
    assert isinstance(request, dg.RunRequest)
    return request


@pytest.mark.parametrize(
    ("day", "at", "partition"),
    [
        pytest.param("ended", datetime(2026, 3, 5, 1, tzinfo=UTC), "2026-03-04", id="the day that has ended"),
        pytest.param("running", datetime(2026, 3, 5, 1, tzinfo=UTC), "2026-03-05", id="the running day"),
        pytest.param(
            "running",
            datetime(2026, 3, 5, 0, 30, tzinfo=ZoneInfo("Europe/Berlin")),
            "2026-03-04",
            id="days are UTC days, whatever the zone of the cron",
        ),
    ],
)
def test_a_tick_asks_for_the_declared_day(day: str, at: datetime, partition: str) -> None:
    block = ScheduleBlock.model_validate({"cron": "0 * * * *", "timezone": "Europe/Berlin", "day": day})

    assert requested_at(block, at).partition_key == partition


def test_two_ticks_of_a_day_are_two_runs() -> None:
    block = ScheduleBlock(cron="0 * * * *", day="running")

    first, second = (requested_at(block, datetime(2026, 3, 5, hour, tzinfo=UTC)) for hour in (1, 2))

    assert first.run_key != second.run_key


def test_a_tick_tells_the_policy_when_the_next_one_is() -> None:
    block = ScheduleBlock(cron="0 */6 * * *", timezone="UTC")

    request = requested_at(block, datetime(2026, 3, 5, 6, tzinfo=UTC))

    assert next_start_of(request.tags) == datetime(2026, 3, 5, 12, tzinfo=UTC)


def test_the_nightly_job_leaves_a_load_with_its_own_schedule_alone() -> None:
    own = definitions_of(load_of("Contact", ScheduleBlock(cron="0 * * * *")))
    of_the_night = definitions_of(load_of("Lead", None))
    shared = dg.Definitions(jobs=[jobs.nightly_load], resources={"pipelines": jobs.PipelinesResource()})

    repository = dg.Definitions.merge(own, of_the_night, shared).get_repository_def()

    selected = repository.get_job("nightly_load").asset_layer.executable_asset_keys
    assert selected == {load_key("Lead")}


@pytest.mark.parametrize(
    ("cron", "timezone"), [("every hour", "UTC"), ("0 * * * *", "Mars/Olympus")], ids=["cron", "zone"]
)
def test_a_schedule_that_cannot_be_read_is_told_with_an_example(cron: str, timezone: str) -> None:
    with pytest.raises(ValueError, match="cannot be read: write five fields"):
        ScheduleBlock(cron=cron, timezone=timezone)
