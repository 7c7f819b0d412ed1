"""Attempts, chunks and rows sent again, as the ledger keeps them."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import Engine, inspect

from sf_pipelines.ledger.engine import LedgerError, alembic_config, migrate, transaction
from sf_pipelines.ledger.load_queries import (
    accepted_digests,
    attempts_of_run,
    chunks_of_run,
    load_totals,
    rows_to_resend,
    unfinished_loads,
)
from sf_pipelines.ledger.load_verbs import ChunkPlan
from sf_pipelines.ledger.tables import SCHEMA
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.outcome import FailureClass, OutcomeCounts
from sf_pipelines.model.rail import Rail
from sf_pipelines_tests.ledger.samples import NOON, failed_record, start_load

LOCK = FailureClass.LOCK


def plan(chunk: int, *, rows: int = 3, attempt: int = 1) -> ChunkPlan:
    return ChunkPlan(
        chunk=chunk, attempt=attempt, rail="rest", rows=rows, bytes_raw=100, payload_path=f"spool/{chunk}.csv"
    )


def with_locked_rows(ledger: Ledger) -> UUID:
    run_id = start_load(ledger)
    ledger.register_chunks(run_id, [plan(0)], org_time=NOON)
    locked = [
        replace(failed_record(key, code="UNABLE_TO_LOCK_ROW"), failure_class=LOCK) for key in ("k1", "k2")
    ]
    counts = OutcomeCounts(submitted=3, succeeded=1, failed=2, errors={"UNABLE_TO_LOCK_ROW": 2})
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.REST, counts=counts, failed=locked)
    return run_id


def test_a_run_that_is_taken_up_counts_its_processes_and_refuses_the_earlier_one(
    engine: Engine, ledger: Ledger
) -> None:
    run_id = start_load(ledger)
    ledger.interrupt_run(run_id, error="No connection.", api_calls=4, attempt=1)

    assert ledger.begin_attempt(run_id, dagster_run_id="d-2") == 2

    with pytest.raises(LedgerError, match="was taken up by another process"):
        ledger.record_request(run_id, chunk=0, attempt=1)
    ledger.record_request(run_id, chunk=0, attempt=2)
    first, second = attempts_of_run(engine, run_id)
    assert (first.dagster_run_id, first.error) == ("d-1", "No connection.")
    assert (second.dagster_run_id, second.ended_at) == ("d-2", None)
    assert [run.attempts for run in unfinished_loads(engine)] == [2]


def test_a_run_that_waits_to_be_taken_up_takes_no_step(ledger: Ledger) -> None:
    run_id = start_load(ledger)
    ledger.interrupt_run(run_id, error="No connection.", api_calls=0)

    with pytest.raises(LedgerError, match=r"is not at work \(interrupted\): take it up first"):
        ledger.record_request(run_id, chunk=0)


def test_rows_sent_again_count_as_what_became_of_them_at_last(engine: Engine, ledger: Ledger) -> None:
    run_id = with_locked_rows(ledger)

    ledger.register_retry(run_id, [plan(1, rows=2, attempt=2)], resend={LOCK})
    ledger.store_outcomes(
        run_id, chunk=1, rail=Rail.REST, counts=OutcomeCounts(submitted=2, succeeded=2), failed=[]
    )

    assert load_totals(engine, run_id).counts == OutcomeCounts(submitted=3, succeeded=3)
    assert ledger.resolve_resent(run_id) == 2
    assert [state.has_outcome for state in chunks_of_run(engine, run_id)] == [True, True]


def test_a_retry_of_other_rows_than_those_that_wait_is_refused(engine: Engine, ledger: Ledger) -> None:
    run_id = with_locked_rows(ledger)

    with pytest.raises(LedgerError, match="would send 1 rows again, and 2 wait for it"):
        ledger.register_retry(run_id, [plan(1, rows=1, attempt=2)], resend={LOCK})

    assert sum(map(len, rows_to_resend(engine, run_id, attempt=1, classes={LOCK}))) == 2


def test_no_digest_is_known_before_the_org_has_accepted_a_row(engine: Engine) -> None:
    assert accepted_digests(engine, "account_load", [b"k" * 16]) == {}


def test_the_migration_goes_back_and_forth_without_losing_a_run(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    ledger.interrupt_run(run_id, error="No connection.", api_calls=0)

    with transaction(engine) as connection:
        command.downgrade(alembic_config(connection), "0001")
    assert "load_chunk" not in inspect(engine).get_table_names(SCHEMA)
    migrate(engine)

    assert "load_chunk" in inspect(engine).get_table_names(SCHEMA)
    assert unfinished_loads(engine) == []
