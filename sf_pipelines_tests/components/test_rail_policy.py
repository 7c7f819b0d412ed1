"""What the sensors, the check and the job of the rail policy do, on real parts in small."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from sf_pipelines.components.launch import RAIL_TAG, REASON_TAG
from sf_pipelines.defs.rail_policy.api_limits import API_LIMITS
from sf_pipelines.defs.rail_policy.sensors import quota_headroom, rail_router
from sf_pipelines.defs.rail_policy.set_rail_policy import RailPolicyConfig, set_rail_policy
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.thresholds import current_thresholds
from sf_pipelines.model.headroom import DAILY_API_REQUESTS
from sf_pipelines.policy.knobs import KNOBS
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines_tests.components.quota_scene import load, repository, tick
from sf_pipelines_tests.components.runs import NIGHT, materialized


def drain(emulator: EmulatorServer, used: int) -> None:
    emulator.surface.limits.put(DAILY_API_REQUESTS, used=used)


def forget_readings(engine: Engine) -> None:
    """As if the last reading were old enough for a new one."""
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE ledger.quota_snapshot SET taken_at = taken_at - interval '10 minutes'")
        )
        connection.execute(text("UPDATE ledger.quota_outlook SET made_at = made_at - interval '1 hour'"))


def test_deferred_work_is_skipped_with_figures_while_critical_work_runs_and_goes_by_itself_later(
    emulator: EmulatorServer, engine: Engine, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    deferrable, critical = load(tmp_path, "scores", "deferrable"), load(tmp_path, "orders", "critical")
    location = repository(deferrable, critical)
    drain(emulator, 90_000)

    assert not materialized(deferrable, instance).success
    assert materialized(critical, instance).success

    skipped = tick(rail_router, instance, location)
    assert not skipped.run_requests
    sentence = str(skipped.skip_reason.skip_message if skipped.skip_reason else "")
    assert sentence.startswith(f"scores of {NIGHT} waits until ")
    assert (
        "REST needs 1 of DailyApiRequests, and after the reserve 0 are left for deferrable work." in sentence
    )

    drain(emulator, 1_000)
    forget_readings(engine)
    tick(quota_headroom, instance, location)
    (request,) = tick(rail_router, instance, location).run_requests or ()

    assert request.run_key == f"scores:{NIGHT}:attempt-2"
    assert (request.partition_key, request.tags[RAIL_TAG]) == (NIGHT, "rest")
    config = request.run_config["ops"]["salesforce_scores"]["config"]
    assert materialized(deferrable, instance, config=config).success
    assert not tick(rail_router, instance, location).run_requests


def test_the_quota_is_observed_with_figures_and_not_read_again_before_it_is_due(
    emulator: EmulatorServer, engine: Engine, instance: dg.DagsterInstance
) -> None:
    location = repository()
    drain(emulator, 40_000)

    events = tick(quota_headroom, instance, location).asset_events
    observed, checked = events

    assert isinstance(observed, dg.AssetObservation)
    assert observed.asset_key == API_LIMITS
    # the reading counts itself: one call
    assert observed.metadata["api_calls_left"].value == 100_000 - 40_000 - 1
    assert observed.metadata["api_calls_used_share"].value == pytest.approx(0.4, abs=1e-3)
    assert "api_calls_left_in_24_hours_at_least" in observed.metadata
    assert isinstance(checked, dg.AssetCheckEvaluation)
    assert checked.check_name == "within_quota_budget"
    used = emulator.surface.limits.used(DAILY_API_REQUESTS)
    again = tick(quota_headroom, instance, location)
    assert not again.asset_events
    assert "due in" in str(again.skip_reason)
    assert emulator.surface.limits.used(DAILY_API_REQUESTS) == used


def test_a_spent_quota_fails_the_check_with_the_figures(
    emulator: EmulatorServer, engine: Engine, instance: dg.DagsterInstance
) -> None:
    drain(emulator, 95_000)
    events = tick(quota_headroom, instance, repository()).asset_events
    checked = next(item for item in events if isinstance(item, dg.AssetCheckEvaluation))

    assert not checked.passed
    assert (
        checked.description
        == "4,999 of 100,000 DailyApiRequests are left, and 10,000 belong to critical work."
    )


def test_quota_of_a_run_that_dagster_does_not_know_any_more_is_given_back(
    engine: Engine, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert materialized(load(tmp_path, "orders", "critical"), instance).success
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger.quota_reservation SET settled_at = NULL"))
    with dg.DagsterInstance.ephemeral() as other:
        tick(quota_headroom, other, repository())
    with engine.begin() as connection:
        left = text("SELECT count(*) FROM ledger.quota_reservation WHERE settled_at IS NULL")
        assert connection.execute(left).scalar_one() == 0


def test_a_forced_rail_needs_a_reason_which_stays_in_the_ledger_and_in_a_tag(
    engine: Engine, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    component = load(tmp_path, "orders", "critical")
    refused = materialized(component, instance, config={"rail": "bulk"})
    (failure,) = [event for event in refused.all_node_events if event.is_step_failure]
    assert "forced without a reason: say why" in str(failure.step_failure_data.user_failure_data)

    result = materialized(component, instance, config={"rail": "bulk", "reason": "REST is down today"})

    assert result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[REASON_TAG] == "REST is down today"
    with engine.connect() as connection:
        because = connection.execute(text("SELECT because FROM ledger.decision WHERE forced")).scalar_one()
    assert because[0]["text"] == "Bulk was asked for: REST is down today."


def policy_run(instance: dg.DagsterInstance, **config: object) -> dg.ExecuteInProcessResult:
    return set_rail_policy.execute_in_process(
        instance=instance,
        resources={"pipelines": PipelinesResource()},
        run_config={"ops": {"set_thresholds_of_the_rail_policy": {"config": config}}},
        raise_on_error=False,
    )


def test_the_job_sets_thresholds_for_the_next_decision(engine: Engine, instance: dg.DagsterInstance) -> None:
    result = policy_run(instance, reason="quarter end", set_by="ada", throttle_below_share=0.2)

    assert result.success
    assert current_thresholds(engine).throttle_below_share == 0.2


@pytest.mark.parametrize("config", [{"throttle_below_share": 1.5}, {"reserve_share_normal": 0.5}, {}])
def test_the_job_refuses_what_is_out_of_bounds_contradicts_or_is_nothing(
    engine: Engine, instance: dg.DagsterInstance, config: dict[str, float]
) -> None:
    before = current_thresholds(engine)
    try:
        result = policy_run(instance, reason="quarter end", set_by="ada", **config)
    except dg.DagsterInvalidConfigError:
        result = None
    assert result is None or not result.success
    assert current_thresholds(engine) == before


def test_the_form_has_a_field_for_every_threshold() -> None:
    fields = set(RailPolicyConfig.model_fields) - {"reason", "set_by"}
    assert fields == {name.replace(".", "_") for name in KNOBS}
