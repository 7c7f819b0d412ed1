from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest
from sqlalchemy import Engine

from sf_pipelines.components import SalesforceExtract
from sf_pipelines.components.extract import AGREE, DAYS_A_RUN, EVERY_ROW, extract_key
from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.extract_book import Part
from sf_pipelines.ledger.queries import recent_runs
from sf_pipelines.rails.errors import AccessDeniedError
from sf_pipelines.resources.pipelines import PipelinesResource
from sf_pipelines.workflows.extract_work import ExtractWork
from sf_pipelines_tests.components.runs import NIGHT, asset_of, checks_of, materialized
from sf_pipelines_tests.workflows.orgs import DAY

ACCOUNT = extract_key("Account")
EXTRACT = SalesforceExtract(object="Account", fields=["Name"])


@pytest.fixture
def filled(emulator: EmulatorServer, clock: Clock) -> None:
    """Two accounts in the org, a minute old."""
    user_id = emulator.surface.org.user_id
    results = emulator.surface.org.create("Account", [{"Name": "One"}, {"Name": "Two"}], user_id=user_id)
    assert all(result.success for result in results)
    clock.advance(60)


@pytest.mark.usefixtures("filled")
def test_an_extract_is_materialized_with_what_the_asset_page_needs(
    instance: dg.DagsterInstance, engine: Engine
) -> None:
    result = materialized(EXTRACT, instance)

    assert result.success
    (event,) = result.asset_materializations_for_node("salesforce_account_extract")
    assert (event.asset_key, event.partition) == (ACCOUNT, NIGHT)
    (run,) = recent_runs(engine, sync="account_extract", limit=5)
    shown = {name: value.value for name, value in event.metadata.items()}
    assert shown["verdict"] == "All 2 rows arrived."
    assert (shown["rail"], shown["ledger_run"]) == ("rest", str(run.run_id))
    assert shown["dagster/partition_row_count"] == 2
    assert shown["dagster/table_name"] == "raw.account"
    assert str(shown["dagster/uri"]).endswith(f"/lake/raw/account/{NIGHT}/{run.run_id}")
    assert (shown["rows_reported"], shown["rows_written"]) == (2, 2)
    assert (shown["rows_inserted"], shown["rows_updated"]) == (2, 0)
    assert shown["window_is_over"] is False
    schema = event.metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchemaMetadataValue)
    assert [(column.name, column.type) for column in schema.schema.columns] == [
        ("Id", "string"),
        ("SystemModstamp", "timestamp[ms, tz=UTC]"),
        ("IsDeleted", "bool"),
        ("Name", "string"),
    ]


@pytest.mark.usefixtures("filled")
def test_the_checks_of_an_extract_pass_with_both_counts(instance: dg.DagsterInstance) -> None:
    result = materialized(EXTRACT, instance)

    assert checks_of(result) == {EVERY_ROW: (True, "ERROR"), AGREE: (True, "ERROR")}
    shown = {
        name: value.value
        for check in result.get_asset_check_evaluations()
        for name, value in check.metadata.items()
    }
    assert shown == {"rows_reported": 2, "rows_written": 2, "org_rows": 2, "warehouse_rows": 2}


@pytest.mark.usefixtures("filled")
def test_the_night_of_the_partition_is_the_window(
    instance: dg.DagsterInstance, engine: Engine, clock: Clock
) -> None:
    clock.set(DAY.end + timedelta(hours=1))

    result = materialized(EXTRACT, instance)

    (event,) = result.asset_materializations_for_node("salesforce_account_extract")
    assert event.metadata["read_until"].value == DAY.end.timestamp()
    assert event.metadata["window_is_over"].value is True


def test_a_night_that_has_not_begun_by_the_orgs_clock_is_red(
    instance: dg.DagsterInstance, clock: Clock
) -> None:
    clock.set(DAY.start - timedelta(hours=1))

    result = materialized(EXTRACT, instance)

    assert not result.success
    assert result.get_asset_materialization_events() == []
    (failure,) = result.get_step_failure_events()
    assert "has not begun by the org's clock" in failure.step_failure_data.error_display_string


def test_an_org_that_refuses_the_credentials_is_red_and_no_false_zero(
    instance: dg.DagsterInstance, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SF_PIPELINES_SALESFORCE_CLIENT_SECRET", "not-the-secret")

    result = materialized(EXTRACT, instance)

    assert not result.success
    assert result.get_asset_materialization_events() == []
    assert checks_of(result) == {}
    (run,) = recent_runs(engine, sync="account_extract", limit=5)
    assert run.state == "error"
    assert "not-the-secret" not in run.verdict_text


def test_an_extract_is_described_to_the_asset_graph() -> None:
    asset = asset_of(SalesforceExtract(object="Opportunity", owners=["team:revops"]))
    spec = asset.get_asset_spec(extract_key("Opportunity"))

    assert asset.op.name == "salesforce_opportunity_extract"
    assert spec.key == dg.AssetKey(["salesforce", "opportunity", "extract"])
    assert spec.group_name == "extract"
    assert spec.kinds == {"salesforce", "parquet", "postgres"}
    assert spec.tags["salesforce/object"] == "Opportunity"
    assert spec.owners == ["team:revops"]
    assert isinstance(spec.partitions_def, dg.DailyPartitionsDefinition)
    assert asset.backfill_policy == dg.BackfillPolicy.multi_run(DAYS_A_RUN)
    assert {check.name for check in asset.check_specs} == {EVERY_ROW, AGREE}


def test_a_run_of_many_days_reads_them_at_once_and_tells_the_rows_of_each(
    instance: dg.DagsterInstance, emulator: EmulatorServer, engine: Engine, clock: Clock
) -> None:
    org = emulator.surface.org
    for names in (["One"], ["Two", "Three"]):
        assert all(
            item.success
            for item in org.create("Account", [{"Name": name} for name in names], user_id=org.user_id)
        )
        clock.advance(2 * 86_400)
    asset = asset_of(EXTRACT)

    result = dg.materialize(
        [asset],
        instance=instance,
        resources={"pipelines": PipelinesResource()},
        tags={
            "dagster/asset_partition_range_start": "2026-03-02",
            "dagster/asset_partition_range_end": "2026-03-07",
        },
        raise_on_error=False,
    )

    assert result.success
    events = result.asset_materializations_for_node("salesforce_account_extract")
    assert {event.partition: event.metadata["dagster/partition_row_count"].value for event in events} == {
        "2026-03-02": 0,
        "2026-03-03": 0,
        "2026-03-04": 1,
        "2026-03-05": 0,
        "2026-03-06": 2,
        "2026-03-07": 0,
    }
    (run,) = recent_runs(engine, sync="account_extract", limit=5)
    assert (run.partition_key, run.submitted) == ("2026-03-02...2026-03-07", 3)
    assert run.api_calls < 12


def test_days_read_before_a_run_of_many_days_stands_still_are_green(
    instance: dg.DagsterInstance, emulator: EmulatorServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sf_pipelines.workflows.tools.Tools.part_rows", lambda _self, _rail: 1)
    org = emulator.surface.org
    for name in ("One", "Two"):
        assert org.create("Account", [{"Name": name}], user_id=org.user_id)[0].success
        clock.advance(86_400)
    _refuse_second_read(monkeypatch)

    result = dg.materialize(
        [asset_of(EXTRACT)],
        instance=instance,
        resources={"pipelines": PipelinesResource()},
        tags={
            "dagster/asset_partition_range_start": "2026-03-03",
            "dagster/asset_partition_range_end": "2026-03-05",
        },
        raise_on_error=False,
    )

    assert not result.success
    events = result.get_asset_materialization_events()
    assert [event.partition for event in events] == ["2026-03-03", "2026-03-04"]
    (failure,) = result.get_step_failure_events()
    assert "stays red (org_refused)" in failure.step_failure_data.error_display_string


def _refuse_second_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The org refuses the second part of a run."""
    whole = ExtractWork.soql

    def soql(work: ExtractWork, part: Part) -> str:
        if part.number == 1:
            raise AccessDeniedError("no access", status=403, error_code="INSUFFICIENT_ACCESS")
        return whole(work, part)

    monkeypatch.setattr(ExtractWork, "soql", soql)
