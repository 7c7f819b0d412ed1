from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from sf_pipelines.components.launch import NEXT_START_TAG
from sf_pipelines.defs.nightly.jobs import nightly_extract_schedule, nightly_load_schedule

SCHEDULES = (nightly_load_schedule, nightly_extract_schedule)


@pytest.mark.parametrize(
    "schedule", [nightly_load_schedule, nightly_extract_schedule], ids=lambda it: it.name
)
def test_a_night_is_asked_for_once_and_knows_the_next_start(schedule: dg.ScheduleDefinition) -> None:
    at = datetime(2026, 3, 5, 1, tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=at)

    request = schedule(context)
    assert isinstance(request, dg.RunRequest)

    assert (request.run_key, request.partition_key) == ("2026-03-04", "2026-03-04")
    assert request.tags[NEXT_START_TAG] == "2026-03-06T01:00:00+00:00"
