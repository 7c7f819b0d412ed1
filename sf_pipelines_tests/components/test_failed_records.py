"""From a red partition to its records and back to green, as Dagster shows and runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sf_pipelines.components.failed_records import NO_LOAD_LEFT_FAILED, FailedRecords
from sf_pipelines.components.load import SalesforceLoad, load_key, resend_job_name
from sf_pipelines.present.outcomes import FAILED_RECORDS
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines_tests.components.runs import NIGHT, materialized
from sf_pipelines_tests.components.test_load import BAD, GOOD, load_of

MENDED = {**BAD, "Name": "Mended"}


class _Tree:
    """The part of Dagster's component tree that the component asks for its loads."""

    def __init__(self, *loads: SalesforceLoad) -> None:
        self._loads = loads

    def get_all_components(self, of_type: type[Any]) -> list[Any]:
        return [load for load in self._loads if isinstance(load, of_type)]


class _Context:
    def __init__(self, *loads: SalesforceLoad) -> None:
        self.component_tree = _Tree(*loads)


@pytest.fixture
def load(tmp_path: Path) -> SalesforceLoad:
    return load_of(tmp_path, *GOOD, BAD)


@pytest.fixture
def definitions(load: SalesforceLoad) -> dg.Definitions:
    context: Any = _Context(load)
    return FailedRecords().build_defs(context)


@pytest.fixture
def asset(definitions: dg.Definitions) -> dg.AssetsDefinition:
    (asset,) = definitions.assets or ()
    assert isinstance(asset, dg.AssetsDefinition)
    return asset


@pytest.fixture
def look(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Any:
    """One tick of the sensor after the other, each with the cursor of the one before."""
    (sensor,) = definitions.sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    cursor: list[str | None] = [None]

    def tick() -> dg.SensorResult:
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor[0], resources={"pipelines": PipelinesResource()}
        )
        result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        cursor[0] = result.cursor
        return result

    return tick


def test_the_asset_lies_behind_every_declared_load(asset: dg.AssetsDefinition) -> None:
    assert set(asset.asset_deps[FAILED_RECORDS]) == {load_key("Account")}


def test_the_asset_shows_what_is_open_and_its_check_says_what_to_do(
    load: SalesforceLoad, asset: dg.AssetsDefinition, instance: dg.DagsterInstance
) -> None:
    materialized(load, instance)

    result = dg.materialize([asset], instance=instance, resources={"pipelines": PipelinesResource()})

    (event,) = result.asset_materializations_for_node("ledger_failed_records")
    assert event.metadata["rows_open"].value == 1
    (count,) = event.metadata["open_by_code"].records
    assert (count.data["sync"], count.data["code"], count.data["rows"]) == (
        "account_load",
        "REQUIRED_FIELD_MISSING",
        1,
    )
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == (NO_LOAD_LEFT_FAILED, False)
    assert "sf-pipelines failures --sync account_load" in (check.description or "")
    assert f"account_load of {NIGHT}" in (check.description or "")


def test_nothing_open_is_a_passed_check(asset: dg.AssetsDefinition, instance: dg.DagsterInstance) -> None:
    result = dg.materialize([asset], instance=instance, resources={"pipelines": PipelinesResource()})

    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.description) == (True, "No load is left failed, and no record is open.")


def test_the_sensor_tells_news_once_and_says_why_it_asks_for_nothing(
    load: SalesforceLoad, instance: dg.DagsterInstance, look: Any
) -> None:
    materialized(load, instance)

    first = look()
    assert [type(event).__name__ for event in first.asset_events] == [
        "AssetMaterialization",
        "AssetCheckEvaluation",
    ]
    assert "none is due and none has changed at the source" in first.skip_reason.skip_message
    second = look()
    assert second.asset_events == []
    assert "is looked at again at" in second.skip_reason.skip_message


def test_a_mended_row_takes_the_partition_from_red_to_green(
    load: SalesforceLoad, instance: dg.DagsterInstance, look: Any, tmp_path: Path
) -> None:
    assert not materialized(load, instance).success
    load_of(tmp_path, *GOOD, MENDED)

    (request,) = look().run_requests
    assert (request.partition_key, request.asset_selection) == (NIGHT, [load_key("Account")])
    assert request.run_key == f"account_load:{NIGHT}:attempt-2"

    again = materialized(load, instance, config={"scope": "retryable"})
    assert again.success
    (event,) = again.asset_materializations_for_node("salesforce_account_load")
    assert event.metadata["rows_submitted"].value == 1
    assert event.metadata["verdict"].value == (
        "1 rows were sent again and 1 got through; no row of the load is left open."
    )
    assert look().skip_reason.skip_message == "No failed record is open."


def test_a_person_finds_a_job_that_sends_the_failed_rows_of_a_load_again(load: SalesforceLoad) -> None:
    definitions = load.build_defs(dg.ComponentTree.for_test().load_context)

    merged = dg.Definitions.merge(definitions, dg.Definitions(resources={"pipelines": PipelinesResource()}))
    job = merged.resolve_job_def(resend_job_name(load.to_sync()))
    assert {asset.to_user_string() for asset in job.asset_layer.executable_asset_keys} == {
        "salesforce/account/load"
    }
