from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import dagster as dg
import pytest
from sqlalchemy import Engine

from sf_pipelines.components import SalesforceLoad
from sf_pipelines.components.launch import NEXT_START_TAG
from sf_pipelines.components.load import EVERY_ROW, REJECTS, load_events, load_key
from sf_pipelines.components.yaml_models import FieldBlock, SourceBlock, ToleranceBlock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.decisions import read_decision
from sf_pipelines.ledger.queries import recent_runs
from sf_pipelines.model.headroom import DAILY_API_REQUESTS, Headroom
from sf_pipelines.model.outcome import OutcomeCounts, Verdict, VerdictState
from sf_pipelines.policy.performance import History
from sf_pipelines.policy.rail_choice import decide
from sf_pipelines.policy.thresholds import DEFAULT_THRESHOLDS
from sf_pipelines.workflows.load import LoadReport
from sf_pipelines_tests.components.runs import NIGHT, asset_of, checks_of, materialized
from sf_pipelines_tests.policy.slices import load_slice
from sf_pipelines_tests.workflows.orgs import KEY, write_csv

ACCOUNT = load_key("Account")
GOOD = [{KEY: f"a{number}", "Name": f"Name {number}"} for number in range(3)]
BAD = {KEY: "bad", "Name": None}


def load_of(folder: Path, *rows: Mapping[str, str | None], tolerated: int = 0) -> SalesforceLoad:
    source = write_csv(folder / "accounts.csv", rows)
    return SalesforceLoad(
        object="Account",
        operation="upsert",
        key=KEY,
        source=SourceBlock(csv=source.location),
        fields={KEY: KEY, "Name": FieldBlock(column="Name")},
        tolerance=ToleranceBlock(rows=tolerated),
    )


def is_materialized(instance: dg.DagsterInstance) -> bool:
    return NIGHT in instance.get_materialized_partitions(ACCOUNT)


def test_a_load_without_rejected_rows_is_green(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    result = materialized(load_of(tmp_path, *GOOD), instance)

    assert result.success
    assert is_materialized(instance)
    assert checks_of(result) == {EVERY_ROW: (True, "ERROR"), REJECTS: (True, "ERROR")}
    (event,) = result.asset_materializations_for_node("salesforce_account_load")
    assert event.partition == NIGHT
    assert event.metadata["rows_succeeded"].value == 3
    assert "errors" not in event.metadata
    assert result.get_asset_observation_events() == []


def test_a_load_with_tolerated_rejects_is_green_and_warns(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    result = materialized(load_of(tmp_path, *GOOD, BAD, tolerated=1), instance)

    assert result.success
    assert is_materialized(instance)
    assert checks_of(result) == {EVERY_ROW: (True, "ERROR"), REJECTS: (False, "WARN")}
    (check,) = [item for item in result.get_asset_check_evaluations() if item.check_name == REJECTS]
    assert check.description is not None
    assert "Next: 1 row with REQUIRED_FIELD_MISSING: mend the values at the source" in check.description
    (event,) = result.asset_materializations_for_node("salesforce_account_load")
    assert event.metadata["rows_failed"].value == 1
    (error,) = event.metadata["errors"].records
    assert error.data == {
        "code": "REQUIRED_FIELD_MISSING",
        "rows": 1,
        "sample_message": "Required fields are missing: [Name]",
        "sample_key": "bad",
    }


def test_a_load_beyond_tolerance_is_red_with_its_evidence_and_no_materialization(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    result = materialized(load_of(tmp_path, *GOOD, BAD), instance)

    assert not result.success
    assert not is_materialized(instance)
    assert result.get_asset_materialization_events() == []
    assert checks_of(result) == {EVERY_ROW: (True, "ERROR"), REJECTS: (False, "ERROR")}
    (event,) = result.get_asset_observation_events()
    observation = event.asset_observation_data.asset_observation
    assert observation.asset_key == ACCOUNT
    assert observation.partition == NIGHT
    assert observation.metadata["verdict"].value == (
        "1 of 4 rows did not reach the org (1 failed, 0 unprocessed); the tolerance is 0."
    )
    assert observation.metadata["errors"].records[0].data["code"] == "REQUIRED_FIELD_MISSING"


def test_a_red_load_is_found_by_its_night(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    materialized(load_of(tmp_path, BAD), instance)

    wanted = dg.AssetRecordsFilter(asset_key=ACCOUNT, asset_partitions=[NIGHT])
    assert len(instance.fetch_observations(wanted, limit=5).records) == 1


def test_the_failure_of_a_red_load_tells_its_verdict_and_its_ledger_run(
    instance: dg.DagsterInstance, tmp_path: Path, engine: Engine
) -> None:
    result = materialized(load_of(tmp_path, BAD), instance)

    (failure,) = result.get_step_failure_events()
    data = failure.step_failure_data.user_failure_data
    assert data is not None
    (run,) = recent_runs(engine, sync="account_load", limit=5)
    assert data.metadata["ledger_run"].value == str(run.run_id)
    assert data.description == run.verdict_text


def test_the_ledger_knows_the_dagster_run_and_the_night(
    instance: dg.DagsterInstance, tmp_path: Path, engine: Engine
) -> None:
    result = materialized(load_of(tmp_path, *GOOD), instance)

    (run,) = recent_runs(engine, sync="account_load", limit=5)
    assert (run.dagster_run_id, run.partition_key) == (result.run_id, NIGHT)


def test_a_rail_can_be_forced_in_the_launchpad(
    instance: dg.DagsterInstance, tmp_path: Path, engine: Engine
) -> None:
    result = materialized(load_of(tmp_path, *GOOD), instance, config={"rail": "rest", "reason": "a try"})

    assert result.success
    (run,) = recent_runs(engine, sync="account_load", limit=5)
    assert run.because.startswith("REST was asked for: a try.")


def test_a_run_of_a_schedule_knows_when_the_schedule_starts_again(
    instance: dg.DagsterInstance, tmp_path: Path, engine: Engine
) -> None:
    tags = {NEXT_START_TAG: "2126-03-06T01:00:00+00:00"}

    assert materialized(load_of(tmp_path, *GOOD), instance, tags=tags).success

    (run,) = recent_runs(engine, sync="account_load", limit=5)
    assert read_decision(engine, run.run_id).slice.next_start == datetime(2126, 3, 6, 1, tzinfo=UTC)


def test_a_next_start_that_is_no_time_is_refused_before_anything_is_sent(
    instance: dg.DagsterInstance, tmp_path: Path, engine: Engine
) -> None:
    result = materialized(load_of(tmp_path, *GOOD), instance, tags={NEXT_START_TAG: "soon"})

    assert not result.success
    assert recent_runs(engine, sync=None, limit=5) == []


def test_an_unknown_rail_is_refused_before_anything_runs(
    instance: dg.DagsterInstance, tmp_path: Path, engine: Engine
) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError):
        materialized(load_of(tmp_path, *GOOD), instance, config={"rail": "soap"})

    assert recent_runs(engine, sync=None, limit=5) == []


def test_a_deferred_load_is_red_and_says_when_to_ask_again(
    instance: dg.DagsterInstance, tmp_path: Path, emulator: EmulatorServer
) -> None:
    emulator.surface.limits.put(DAILY_API_REQUESTS, used=95_000)

    result = materialized(load_of(tmp_path, *GOOD), instance)

    assert not result.success
    assert not is_materialized(instance)
    (failure,) = result.get_step_failure_events()
    assert "was not sent (defer)" in failure.step_failure_data.error_display_string
    assert "Ask again at" in failure.step_failure_data.error_display_string


def test_rows_that_are_not_accounted_for_fail_both_checks_and_the_run() -> None:
    report = report_of(VerdictState.ROWS_UNACCOUNTED, OutcomeCounts(submitted=3, succeeded=2))
    events: list[object] = []

    with pytest.raises(dg.Failure) as caught:
        events.extend(load_events(ACCOUNT, report, {}, partition=NIGHT))

    assert caught.value.allow_retries is False
    every_row, rejects, observation = events
    assert isinstance(every_row, dg.AssetCheckResult)
    assert isinstance(rejects, dg.AssetCheckResult)
    assert isinstance(observation, dg.AssetObservation)
    assert (every_row.check_name, every_row.passed) == (EVERY_ROW, False)
    assert (rejects.check_name, rejects.passed) == (REJECTS, False)
    assert {name: value.value for name, value in every_row.metadata.items()} == {
        "rows_submitted": 3,
        "rows_accounted_for": 2,
    }


def test_a_load_is_described_to_the_asset_graph(tmp_path: Path) -> None:
    component = SalesforceLoad(
        object="Opportunity",
        operation="upsert",
        key=KEY,
        source=SourceBlock(table="crm.deal"),
        fields={KEY: "deal_key"},
        after=["Account", "Campaign"],
        owners=["team:revops"],
    )

    asset = asset_of(component)
    spec = asset.get_asset_spec(load_key("Opportunity"))

    assert asset.op.name == "salesforce_opportunity_load"
    assert spec.key == dg.AssetKey(["salesforce", "opportunity", "load"])
    assert {dep.asset_key for dep in spec.deps} == {load_key("Account"), load_key("Campaign")}
    assert spec.group_name == "load"
    assert spec.kinds == {"salesforce"}
    assert spec.owners == ["team:revops"]
    assert spec.tags["salesforce/object"] == "Opportunity"
    assert isinstance(spec.partitions_def, dg.DailyPartitionsDefinition)
    assert asset.backfill_policy == dg.BackfillPolicy.multi_run(1)
    assert sorted(check.name for check in asset.check_specs) == [EVERY_ROW, REJECTS]


def report_of(state: VerdictState, counts: OutcomeCounts) -> LoadReport:
    now = datetime(2026, 3, 4, tzinfo=UTC)
    left = Headroom(taken_at=now, budgets={})
    return LoadReport(
        run_id=UUID(int=1),
        decision=decide(load_slice(3), left, History(), DEFAULT_THRESHOLDS, now),
        counts=counts,
        verdict=Verdict(state=state, text="A sentence."),
        job_urls={},
        api_calls=1,
        seconds=1.0,
    )
