from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from sf_pipelines.ledger.engine import LedgerError, open_engine
from sf_pipelines.ledger.queries import (
    ErrorCount,
    error_counts,
    failed_records,
    recent_runs,
    run_summary,
    unfinished_jobs,
)
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.outcome import Verdict, VerdictState
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines_tests.ledger.samples import (
    NOON,
    counts,
    decision,
    failed_record,
    record_counted,
    record_intent,
    start_load,
    take_to,
)


def test_a_run_is_summed_up_with_its_decision_counts_and_errors(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    ledger.record_decision(run_id, decision())
    for chunk, errors in enumerate(({"A": 2, "B": 1}, {"A": 1})):
        ledger.store_outcomes(run_id, chunk=chunk, rail=Rail.BULK, counts=counts(errors=errors), failed=[])
    verdict = Verdict(state=VerdictState.REJECTS_BEYOND_TOLERANCE, text="4 of 8 rows were refused.")
    total = counts(errors={"A": 2, "B": 1}) + counts(errors={"A": 1})
    ledger.finish_run(run_id, verdict=verdict, counts=total, api_calls=9)
    summary = run_summary(engine, run_id)
    assert (summary.state, summary.verdict_text) == ("rejects_beyond_tolerance", "4 of 8 rows were refused.")
    assert (summary.rail, summary.because) == ("bulk", "Bulk costs 9 calls. It is done in time.")
    assert (summary.submitted, summary.succeeded, summary.failed, summary.unprocessed) == (8, 4, 4, 0)
    assert summary.errors == {"A": 3, "B": 1}
    assert (summary.sync, summary.partition_key, summary.api_calls) == ("account_load", "2026-01-05", 9)
    assert summary.finished_at is not None
    assert summary.finished_at > summary.started_at


def test_a_run_under_way_has_no_end_yet(engine: Engine, ledger: Ledger) -> None:
    summary = run_summary(engine, start_load(ledger))
    assert (summary.state, summary.rail, summary.because) == ("running", None, "")
    assert (summary.verdict_text, summary.errors, summary.finished_at) == ("", {}, None)


def test_a_run_with_two_decisions_is_one_run_with_the_latest(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    later = replace(decision(rail=Rail.REST), decided_at=NOON + timedelta(minutes=5))
    for made in (later, decision(rail=Rail.BULK)):
        ledger.record_decision(run_id, made)
    assert [(run.run_id, run.rail) for run in recent_runs(engine, sync=None, limit=9)] == [(run_id, "rest")]


def test_recent_runs_are_the_newest_first_of_one_sync_or_of_all(engine: Engine, ledger: Ledger) -> None:
    first, second, third = (start_load(ledger, sync) for sync in ("a", "b", "a"))
    assert [run.run_id for run in recent_runs(engine, sync=None, limit=2)] == [third, second]
    assert [run.run_id for run in recent_runs(engine, sync="a", limit=9)] == [third, first]


def test_error_counts_are_exact_and_each_sample_is_of_one_row(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    records = [
        failed_record("z", code="A", message="first"),
        failed_record("b", code="B", message="only"),
        failed_record("a", code="A", message="second"),
    ]
    for run in (run_id, start_load(ledger)):
        ledger.store_outcomes(run, chunk=0, rail=Rail.REST, counts=counts(), failed=records)
    assert error_counts(engine, run_id) == [
        ErrorCount(code="A", failure_class=None, message_sample="first", rows=2, source_key_sample="z"),
        ErrorCount(code="B", failure_class=None, message_sample="only", rows=1, source_key_sample="b"),
    ]


def test_failed_records_are_found_by_run_sync_and_code(engine: Engine, ledger: Ledger) -> None:
    runs = {}
    for sync in ("account_load", "contact_load"):
        runs[sync] = start_load(ledger, sync)
        records = [failed_record(f"{sync} {code}", code=code) for code in ("A", "B")]
        ledger.store_outcomes(runs[sync], chunk=0, rail=Rail.REST, counts=counts(), failed=records)

    def keys(**filters: object) -> list[str]:
        return [row.source_key for row in failed_records(engine, **filters)]  # type: ignore[arg-type]

    assert keys() == ["contact_load B", "contact_load A", "account_load B", "account_load A"]
    assert keys(sync="account_load") == ["account_load B", "account_load A"]
    assert keys(run_id=runs["contact_load"], code="A") == ["contact_load A"]
    assert keys(limit=1) == ["contact_load B"]
    [row] = failed_records(engine, sync="account_load", code="A")
    assert (row.attempt, row.failure_class, row.next_attempt_at, row.resolved_by) == (1, None, None, None)


def test_unfinished_jobs_are_those_that_somebody_has_to_take_up(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    steps = ("intent", "created", "uploaded", "closed", "counted", "aborted")
    for chunk, step in enumerate(steps):
        take_to(ledger, record_intent(ledger, run_id, chunk=chunk), step)
    done = record_intent(ledger, run_id, chunk=10)
    take_to(ledger, done, "counted")
    ledger.store_outcomes(run_id, chunk=10, rail=Rail.BULK, counts=counts(), failed=[], journal_id=done)
    query = record_intent(ledger, run_id, chunk=11, operation=Operation.QUERY)
    ledger.record_created(query, "750Q")
    open_steps = ["intent", "created", "uploaded", "closed", "counted"]
    assert [job.step for job in unfinished_jobs(engine)] == [*open_steps, "created"]
    record_counted(ledger, query)
    assert [job.step for job in unfinished_jobs(engine)] == open_steps


def test_an_unknown_run_is_refused_in_one_sentence(engine: Engine) -> None:
    with pytest.raises(LedgerError, match="has no run"):
        run_summary(engine, uuid4())


def test_a_database_without_a_ledger_is_named(empty_database_url: str) -> None:
    engine = open_engine(empty_database_url)
    with pytest.raises(LedgerError, match=r"is not ready .*let sf_pipelines migrate it"):
        recent_runs(engine, sync=None, limit=1)
    engine.dispose()
