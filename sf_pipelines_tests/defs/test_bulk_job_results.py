"""The sensor as Dagster calls it, on an emulated org and a real ledger."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from sf_pipelines.defs.bulk_jobs.sensor import bulk_job_results
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.components.conftest import environment as environment
from sf_pipelines_tests.workflows.conftest import clock as clock
from sf_pipelines_tests.workflows.conftest import emulator as emulator
from sf_pipelines_tests.workflows.conftest import tools as tools
from sf_pipelines_tests.workflows.test_watch_jobs import end_all_jobs, left


def tick() -> dg.SensorResult:
    result = bulk_job_results(dg.build_sensor_context(), pipelines=PipelinesResource())
    assert isinstance(result, dg.SensorResult)
    return result


@pytest.mark.usefixtures("environment")
def test_nothing_to_take_up_is_a_sentence_with_figures() -> None:
    result = tick()

    assert result.run_requests == []
    assert result.skip_reason is not None
    assert str(result.skip_reason.skip_message).startswith(
        "0 ingest jobs are in the org's list and 0 loads are unfinished"
    )


@pytest.mark.usefixtures("environment")
def test_the_run_that_takes_up_is_asked_for_by_a_key_that_carries_the_attempt(
    tools: Tools, tmp_path: Path
) -> None:
    left(tools, tmp_path)
    end_all_jobs(tools)

    (request,) = tick().run_requests or []

    assert request.run_key is not None
    assert request.run_key.startswith("account_load:2026-03-04:")
    assert request.run_key.endswith(":attempt-2")
    assert request.partition_key == "2026-03-04"
    assert request.asset_selection == [dg.AssetKey(["salesforce", "account", "load"])]
