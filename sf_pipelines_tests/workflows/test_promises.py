"""Quota that runs hold, from decision to end, and the pace of throttled ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.model.headroom import DAILY_API_REQUESTS
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.policy.budgets import promised
from sf_pipelines.rails.errors import UnreachableError
from sf_pipelines.workflows.errors import WorkflowError
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.pacing import paced
from sf_pipelines.workflows.plan import estimated_slice, facts, plan_backfill, plan_run
from sf_pipelines.workflows.promises import Promises
from sf_pipelines.workflows.quota_reading import cadence_seconds, read_quota
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.ledger.samples import start_load
from sf_pipelines_tests.policy.slices import load_slice
from sf_pipelines_tests.workflows.orgs import KEY, load_of, write_csv
from sf_pipelines_tests.workflows.watched_ingest import failing

CALLS = DAILY_API_REQUESTS


def test_a_run_reserves_what_it_will_take_and_gives_back_what_it_did_not(
    tools: Tools, tmp_path: Path
) -> None:
    source = write_csv(tmp_path / "accounts.csv", [{KEY: "a1", "Name": "One"}])
    book = QuotaBook(tools.engine, clock=tools.clock)
    with Promises() as promises:
        run_load(
            LoadRequest(sync=load_of("Account", source, (KEY, "Name"))), replace(tools, promises=promises)
        )
        (held,) = [item for item in book.open_reservations() if item.budget == CALLS]
        assert held.amount == 1
        promises.true_up()
        assert book.open_reservations()[0].used == 1
    assert book.open_reservations() == []
    # the header of the last answer counts for free: the describe, /limits and the write
    with tools.engine.connect() as connection:
        newest = text(
            "SELECT source, maximum - remaining FROM ledger.quota_snapshot ORDER BY id DESC LIMIT 1"
        )
        assert tuple(connection.execute(newest).one()) == ("answer", tools.client.org.calls_made)
    assert book.headroom([CALLS]).budgets[CALLS].reserved == 1


def test_a_run_that_is_taken_up_reserves_anew(tools: Tools, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "accounts.csv", [{KEY: "a1", "Name": "One"}])
    request = LoadRequest(sync=load_of("Account", source, (KEY, "Name")), forced_rail=Rail.BULK)
    book = QuotaBook(tools.engine, clock=tools.clock)
    with Promises() as promises:
        lost = replace(failing(tools, {"wait": UnreachableError("No connection.")}), promises=promises)
        with pytest.raises(UnreachableError):
            run_load(request, lost)
    assert book.open_reservations() == []

    with Promises() as promises:
        report = run_load(request, replace(tools, promises=promises))
        held = {item.budget for item in book.open_reservations() if item.run_id == report.run_id}
        assert CALLS in held
    assert report.attempts == 2


def test_a_rail_that_broke_the_work_off_is_left_for_the_other_one(tools: Tools, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "accounts.csv", [{KEY: "a1", "Name": "One"}])
    request = LoadRequest(sync=load_of("Account", source, (KEY, "Name")))
    broken = start_load(tools.ledger, sync=request.sync.name)
    tools.ledger.record_decision(broken, run_load(request, tools).decision)
    tools.ledger.fail_run(broken, error="No connection.", rail_failed=True)

    decision = run_load(replace(request, partition_key="2026-01-05"), tools).decision

    assert (decision.rail, decision.slice.failed_rail) == (Rail.BULK, Rail.REST)
    assert decision.rejected[Rail.REST].code == "failed_last_time"


def test_calls_of_a_throttled_run_wait_for_their_turn(tools: Tools) -> None:
    waits: list[float] = []
    promises = Promises()
    client = paced(tools.client, promises, tools.engine, sleep=waits.append)
    record = {KEY: "a1", "Name": "One"}
    client.rest.write("Account", Operation.UPSERT, [record], external_id_field=KEY)
    assert waits == []

    promises.pace_calls_per_minute = 1.0
    client.rest.write("Account", Operation.UPSERT, [record], external_id_field=KEY)
    list(client.rest.query("SELECT Id FROM Account"))

    assert client.rest.count("SELECT COUNT() FROM Account") == 1
    # the first call is free, then one page and the look for a next one
    assert len(waits) == 2
    assert 50 < waits[0] <= 60
    assert 110 < waits[1] <= 120


def test_readings_are_rare_enough_to_cost_under_a_hundredth_of_the_quota() -> None:
    for maximum in (5_000, 15_000, 100_000, 5_000_000):
        assert 86_400 / cadence_seconds(maximum) < maximum / 100
    assert cadence_seconds(0) == 3_600


def test_a_quota_that_limits_does_not_tell_is_taken_from_the_header_and_remarked(
    tools: Tools, emulator: EmulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = emulator.surface.limits.snapshot()
    monkeypatch.setattr(
        emulator.surface.limits, "snapshot", lambda: {"DataStorageMB": whole["DataStorageMB"]}
    )
    reading = read_quota(tools.client.org, QuotaBook(tools.engine), tools.clock)
    assert set(reading.budgets) == {CALLS}

    source = write_csv(tmp_path / "accounts.csv", [{KEY: "a1", "Name": "One"}])
    report = run_load(LoadRequest(sync=load_of("Account", source, (KEY, "Name"))), tools)

    assert {remark.code for remark in report.decision.remarks} == {"budget_not_told"}
    with tools.engine.connect() as connection:
        kept = connection.execute(text("SELECT inputs -> 'remarks' FROM ledger.decision")).scalar_one()
    assert "did not tell DailyBulkApiBatches; nothing limits it." in kept[0]["text"]


def test_a_backfill_is_priced_whole_and_says_how_far_it_gets_now(tools: Tools) -> None:
    book = QuotaBook(tools.engine, clock=tools.clock)
    with pytest.raises(WorkflowError, match="never run, so its size is unknown"):
        estimated_slice(tools.engine, load_slice(0), rows=None, bytes_raw=None)
    read_quota(tools.client.org, book, tools.clock)
    slice_ = estimated_slice(tools.engine, load_slice(0), rows=4_000_000, bytes_raw=None)
    known = facts(tools.engine, "Account", tools.clock)

    plan = plan_backfill(slice_, known, date(2026, 1, 1), date(2026, 3, 31))

    one = plan_run(slice_, known)
    assert one.rail is not None
    assert plan.nights == 90
    assert plan.batches == 90 * one.costs[one.rail].batches
    # 15,000 batches a day less the tenth for critical work, at 400 a night; the next ones go by REST
    assert 13_500 // 400 < plan.runs_now < 13_500 // 400 + 90_000 // 4_000
    assert plan.held_back is not None
    with pytest.raises(WorkflowError, match="the earlier one first"):
        plan_backfill(slice_, known, date(2026, 3, 2), date(2026, 3, 1))


def test_what_is_planned_is_promised_to_nobody(tools: Tools) -> None:
    read_quota(tools.client.org, QuotaBook(tools.engine), tools.clock)
    known = facts(tools.engine, "Account", tools.clock)
    decision = plan_run(load_slice(300), known)

    assert promised(known.headroom, decision).budgets[CALLS].reserved == 1
    assert QuotaBook(tools.engine).headroom([CALLS]).budgets[CALLS].reserved == 0
