from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from sf_pipelines.ledger.deferrals import pending_deferrals, record_deferral, release
from sf_pipelines.ledger.history import last_slice, read_history, with_trials
from sf_pipelines.ledger.quota import QuotaBook
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.headroom import DAILY_API_REQUESTS
from sf_pipelines.model.outcome import OutcomeCounts, Verdict, VerdictState
from sf_pipelines.model.rail import Direction, Rail
from sf_pipelines.policy.performance import PRIORS, History
from sf_pipelines_tests.ledger.quotas import HandClock
from sf_pipelines_tests.ledger.samples import NOON, decision, start_load

PAIR = (Rail.BULK, Direction.LOAD)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ledger(engine: Engine, clock: HandClock) -> Ledger:
    return Ledger(engine, clock=clock)


def end_well(ledger: Ledger, clock: HandClock, *, rows: int, locked: int = 0, seconds: float) -> None:
    run_id = start_load(ledger)
    ledger.record_decision(run_id, decision())
    errors = {"UNABLE_TO_LOCK_ROW": locked} if locked else {}
    counts = OutcomeCounts(submitted=rows, succeeded=rows - locked, failed=locked, errors=errors)
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.BULK, counts=counts, failed=[])
    clock.forward(seconds=seconds)
    verdict = Verdict(state=VerdictState.REJECTS_WITHIN_TOLERANCE, text="Done.")
    ledger.finish_run(run_id, verdict=verdict, counts=counts, api_calls=12)


def break_off(ledger: Ledger, clock: HandClock, *, by_rail: bool = True) -> None:
    run_id = start_load(ledger)
    ledger.record_decision(run_id, decision())
    clock.forward(minutes=1)
    ledger.fail_run(run_id, error="The job failed.", rail_failed=by_rail)


def history(engine: Engine, clock: HandClock) -> History:
    with engine.connect() as connection:
        return read_history(connection, "Account", clock())


def test_an_object_that_never_ran_teaches_nothing(engine: Engine, clock: HandClock) -> None:
    assert history(engine, clock) == History()


def test_durations_and_lost_rows_are_learned(engine: Engine, ledger: Ledger, clock: HandClock) -> None:
    for rows in (10_000, 20_000, 40_000) * 4:
        end_well(ledger, clock, rows=rows, locked=rows // 10, seconds=30 + rows / 100)

    found = history(engine, clock)

    assert found.of(*PAIR).rows_per_second == pytest.approx(100.0, rel=0.25)
    assert found.of(Rail.REST, Direction.LOAD) == PRIORS[Rail.REST, Direction.LOAD]
    health = found.health_of(*PAIR)
    assert (health.lock_rate, health.failure_rate) == (pytest.approx(0.1), pytest.approx(0.1))
    assert health.failures_in_a_row == 0


def test_runs_that_broke_off_since_the_last_good_one_are_counted(
    engine: Engine, ledger: Ledger, clock: HandClock
) -> None:
    break_off(ledger, clock)
    end_well(ledger, clock, rows=10, seconds=5)
    for _ in range(3):
        break_off(ledger, clock)

    health = history(engine, clock).health_of(*PAIR)

    assert (health.failures_in_a_row, health.last_failed_at, health.is_probed) == (3, clock(), False)


def test_every_process_that_the_rail_broke_off_counts_and_none_that_something_else_did(
    engine: Engine, ledger: Ledger, clock: HandClock
) -> None:
    run_id = start_load(ledger)
    ledger.record_decision(run_id, decision())
    for _ in range(2):
        clock.forward(minutes=1)
        ledger.interrupt_run(run_id, error="No connection.", api_calls=0, rail_failed=True)
        broken_at = clock()
        ledger.begin_attempt(run_id, dagster_run_id="d-2")
    ledger.interrupt_run(run_id, error="The disk is full.", api_calls=0)
    break_off(ledger, clock, by_rail=False)

    health = history(engine, clock).health_of(*PAIR)

    assert (health.failures_in_a_row, health.last_failed_at) == (2, broken_at)


def test_a_slice_knows_how_often_a_rail_broke_it_off_since_it_last_went_well(
    engine: Engine, ledger: Ledger, clock: HandClock
) -> None:
    def tried(partition_key: str) -> tuple[int, Rail | None]:
        with engine.connect() as connection:
            found = with_trials(connection, decision().slice, partition_key)
        return found.attempt, found.failed_rail

    break_off(ledger, clock)
    end_well(ledger, clock, rows=10, seconds=5)
    assert tried("2026-01-05") == (1, None)
    break_off(ledger, clock)
    break_off(ledger, clock, by_rail=False)
    break_off(ledger, clock)
    assert tried("2026-01-05") == (3, Rail.BULK)
    assert tried("2026-01-06") == (1, None)


def test_only_a_run_that_gives_signs_of_life_is_a_probe(
    engine: Engine, ledger: Ledger, clock: HandClock
) -> None:
    break_off(ledger, clock)
    run_id = start_load(ledger)
    ledger.record_decision(run_id, decision())
    assert not history(engine, clock).health_of(*PAIR).is_probed

    with QuotaBook(engine, clock=clock).desk() as desk:
        desk.reserve(run_id, {DAILY_API_REQUESTS: 5}, lease_seconds=60)
    assert history(engine, clock).health_of(*PAIR).is_probed
    clock.forward(seconds=61)
    assert not history(engine, clock).health_of(*PAIR).is_probed


def test_the_last_work_of_a_sync_is_remembered(engine: Engine, ledger: Ledger) -> None:
    ledger.record_decision(start_load(ledger), decision())
    with engine.connect() as connection:
        assert last_slice(connection, "account_load") == decision().slice
        assert last_slice(connection, "lead_load") is None


def defer(engine: Engine, ledger: Ledger, clock: HandClock) -> None:
    run_id = start_load(ledger)
    deferred = replace(decision(), defer_until=NOON + timedelta(hours=2))
    record_deferral(engine, run_id, deferred, "2026-01-05", clock=clock)
    ledger.fail_run(run_id, error="Deferred.")


def test_deferred_work_waits_until_a_later_run_takes_it_up(
    engine: Engine, ledger: Ledger, clock: HandClock
) -> None:
    defer(engine, ledger, clock)
    clock.forward(minutes=1)
    defer(engine, ledger, clock)

    (waiting,) = pending_deferrals(engine)
    assert (waiting.slice, waiting.attempts, waiting.released_at) == (decision().slice, 2, None)
    release(engine, waiting.run_id, clock=clock)
    assert pending_deferrals(engine)[0].released_at == clock()
    clock.forward(minutes=1)
    start_load(ledger)
    assert pending_deferrals(engine) == []
