from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import dagster as dg
import pytest
from sqlalchemy import Engine

from sf_pipelines.components import SalesforceChanges
from sf_pipelines.components.changes import changes_key, gap_repair_key
from sf_pipelines.defs.changes.sensors import cdc_gaps, cdc_merges
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.change_queries import open_gaps
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.change_scene import CHANNEL, ChangeScene
from sf_pipelines_tests.workflows.conftest import tools as tools

OBJECTS = ("Account", "Opportunity")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[EmulatorServer]:
    with EmulatorServer(clock=clock, pubsub_port=0) as server:
        yield server


@pytest.fixture
def scene(emulator: EmulatorServer, engine: Engine, tools: Tools) -> ChangeScene:
    """One account before the stream began and one after, both stored as events; nothing is merged."""
    scene = ChangeScene(emulator=emulator, engine=engine, tools=tools)
    scene.insert("Account", {"Name": "first"})
    with scene.subscriber():
        scene.caught_up()
    return scene


class _Tree:
    """The part of a component's context that tells of the others."""

    def __init__(self, components: list[SalesforceChanges]) -> None:
        self.component_tree = self
        self._components = components

    def get_all_components(self, *, of_type: type) -> list[SalesforceChanges]:
        return self._components


def definitions() -> dg.Definitions:
    declared = [SalesforceChanges(object=name, channel=CHANNEL) for name in OBJECTS]
    context = cast("dg.ComponentLoadContext", _Tree(declared))
    built = [component.build_defs(context) for component in declared]
    return dg.Definitions.merge(
        *built,
        dg.Definitions(sensors=[cdc_gaps, cdc_merges], resources={"pipelines": PipelinesResource()}),
    )


def run(key: dg.AssetKey, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = definitions().resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, asset_selection=[key], raise_on_error=False)


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult:
    context = dg.build_sensor_context(
        instance, cursor=cursor, repository_def=definitions().get_repository_def()
    )
    result = sensor(context, pipelines=PipelinesResource())
    assert isinstance(result, dg.SensorResult)
    return result


def shown(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_events_that_wait_are_asked_for_and_merged_with_their_figures(
    scene: ChangeScene, instance: dg.DagsterInstance
) -> None:
    asked = tick(cdc_merges, instance)
    assert [request.asset_selection for request in asked.run_requests or ()] == [[changes_key("Account")]]

    result = run(changes_key("Account"), instance)

    assert result.success
    figures = shown(result)
    assert (figures["events_merged"], figures["rows_inserted"], figures["open_gaps"]) == (2, 2, 1)
    assert figures["events_pending"] == 0
    assert "first_start" in str(figures["gaps"])
    assert len(scene.in_warehouse()) == 2
    again = tick(cdc_merges, instance, asked.cursor)
    assert not again.run_requests
    assert again.skip_reason is not None
    assert "No event of Account, Opportunity waits" in str(again.skip_reason.skip_message)


def test_an_open_gap_is_told_by_a_check_asked_for_and_closed_with_proof(
    scene: ChangeScene, instance: dg.DagsterInstance, engine: Engine
) -> None:
    before = run(changes_key("Account"), instance)
    checks = {check.check_name: check for check in before.get_asset_check_evaluations()}
    assert not checks["no_open_gaps"].passed
    assert checks["replay_position_is_fresh"].passed
    asked = tick(cdc_gaps, instance)
    keys = [request.asset_selection for request in asked.run_requests or ()]
    assert keys == [[gap_repair_key("Account")], [gap_repair_key("Opportunity")]]

    result = run(gap_repair_key("Account"), instance)

    assert result.success
    figures = shown(result)
    assert (figures["gaps_closed"], figures["rows_repaired"]) == (1, 2)
    assert "| first_start | the whole object | rest | 2 | 2 | 2 | 2 | 0 |" in str(figures["proof"])
    assert open_gaps(engine, sobject="Account") == []
    assert scene.differences() == {}
    after = run(changes_key("Account"), instance)
    assert all(check.passed for check in after.get_asset_check_evaluations())
    left = tick(cdc_gaps, instance)
    assert [item.asset_selection for item in left.run_requests or ()] == [[gap_repair_key("Opportunity")]]


def test_a_stream_that_nobody_reads_is_told(instance: dg.DagsterInstance) -> None:
    result = run(changes_key("Account"), instance)

    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["replay_position_is_fresh"].passed
    assert "was never read" in str(checks["replay_position_is_fresh"].description)
    asked = tick(cdc_gaps, instance)
    assert not asked.run_requests
    assert asked.skip_reason is not None
    assert asked.skip_reason.skip_message == "Account has no open gap. Opportunity has no open gap."
