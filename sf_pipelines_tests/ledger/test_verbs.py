from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Engine, func, select, text
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from sf_pipelines.ledger import tables
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.queries import failed_records, jobs_of_run, run_summary
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.outcome import FailedRecord, OutcomeState, Verdict, VerdictState
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines_tests.ledger.samples import (
    counts,
    decision,
    failed_record,
    record_counted,
    record_intent,
    start_load,
    take_to,
)

COMPLETE = Verdict(state=VerdictState.COMPLETE, text="All rows arrived.")


def stored(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.failed_record)).scalar_one()


def test_a_load_goes_through_its_journal_step_by_step(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    ledger.record_decision(run_id, decision())
    journal_id = record_intent(ledger, run_id)
    assert jobs_of_run(engine, run_id)[0].job_id is None
    take_to(ledger, journal_id, "counted")
    ledger.store_outcomes(
        run_id,
        chunk=0,
        rail=Rail.BULK,
        counts=counts(),
        failed=[failed_record("k1")],
        journal_id=journal_id,
    )
    ledger.finish_run(run_id, verdict=COMPLETE, counts=counts(), api_calls=9)
    [job] = jobs_of_run(engine, run_id)
    assert (job.step, job.job_id, job.org_state) == ("results_stored", "750A", "JobComplete")
    assert job.intended_at < job.stepped_at
    assert run_summary(engine, run_id).state == "complete"


def is_anyone_waiting(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def wait_until(condition: Callable[[], bool]) -> None:
    Retrying(
        retry=retry_if_result(lambda is_met: not is_met), stop=stop_after_delay(30), wait=wait_fixed(0.02)
    )(condition)


VERBS = ("created", "uploaded", "closed", "counted", "results_stored", "aborted")
ALLOWED = {
    "intent": {"created", "aborted"},
    "created": {"uploaded", "aborted"},
    "uploaded": {"closed", "aborted"},
    "closed": {"counted"},
    "counted": {"counted", "results_stored"},
    "aborted": set(),
}


@pytest.mark.parametrize("step", ALLOWED)
@pytest.mark.parametrize("verb", VERBS)
def test_a_step_is_taken_in_its_turn_or_refused(engine: Engine, ledger: Ledger, step: str, verb: str) -> None:
    run_id = start_load(ledger)
    journal_id = record_intent(ledger, run_id)
    take_to(ledger, journal_id, step)
    before = jobs_of_run(engine, run_id)

    def apply() -> None:
        match verb:
            case "created":
                ledger.record_created(journal_id, "750B")
            case "uploaded":
                ledger.record_uploaded(journal_id)
            case "closed":
                ledger.record_closed(journal_id)
            case "counted":
                record_counted(ledger, journal_id)
            case "aborted":
                ledger.record_aborted(journal_id, "given up")
            case _:
                ledger.store_outcomes(
                    run_id, chunk=0, rail=Rail.BULK, counts=counts(), failed=[], journal_id=journal_id
                )

    if verb in ALLOWED[step]:
        apply()
        assert jobs_of_run(engine, run_id)[0].step == verb
    else:
        with pytest.raises(LedgerError, match=f"stands at '{step}' and cannot go to '{verb}'"):
            apply()
        assert jobs_of_run(engine, run_id) == before


def test_outcomes_of_a_job_that_is_not_counted_are_not_kept(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    journal_id = record_intent(ledger, run_id)
    with pytest.raises(LedgerError, match="stands at 'intent'"):
        ledger.store_outcomes(
            run_id,
            chunk=0,
            rail=Rail.BULK,
            counts=counts(),
            failed=[failed_record("k1")],
            journal_id=journal_id,
        )
    assert stored(engine) == 0


def test_a_query_job_is_counted_right_after_it_was_created(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    journal_id = record_intent(ledger, run_id, operation=Operation.QUERY)
    ledger.record_created(journal_id, "750Q")
    with pytest.raises(LedgerError, match=r"\(query\) stands at 'created' and cannot go to 'uploaded'"):
        ledger.record_uploaded(journal_id)
    record_counted(ledger, journal_id)
    assert jobs_of_run(engine, run_id)[0].step == "counted"


def test_a_chunk_has_one_job_until_that_is_aborted(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    first = record_intent(ledger, run_id)
    with pytest.raises(LedgerError, match=r"Chunk 0 of run .* has a job already"):
        record_intent(ledger, run_id)
    ledger.record_aborted(first, "upload failed")
    second = record_intent(ledger, run_id)
    assert [(job.id, job.step) for job in jobs_of_run(engine, run_id)] == [
        (first, "aborted"),
        (second, "intent"),
    ]


@pytest.mark.parametrize("times", [1, 2])
def test_storing_outcomes_again_never_doubles(engine: Engine, ledger: Ledger, times: int) -> None:
    run_id = start_load(ledger)
    journal_id = record_intent(ledger, run_id)
    take_to(ledger, journal_id, "counted")
    for _ in range(times):
        ledger.store_outcomes(
            run_id,
            chunk=0,
            rail=Rail.BULK,
            counts=counts(errors={"A": 2}),
            failed=[failed_record("k1", code="A"), failed_record("k2", code="A")],
            journal_id=journal_id,
        )
    assert stored(engine) == 2
    assert run_summary(engine, run_id).errors == {"A": 2}


def test_storing_again_replaces_one_chunk_of_one_run_only(engine: Engine, ledger: Ledger) -> None:
    other, run_id = start_load(ledger), start_load(ledger)
    for run, chunk in ((other, 0), (run_id, 0), (run_id, 1)):
        record = failed_record(f"{chunk}", chunk=chunk)
        ledger.store_outcomes(run, chunk=chunk, rail=Rail.REST, counts=counts(), failed=[record])
    ledger.store_outcomes(run_id, chunk=1, rail=Rail.REST, counts=counts(errors={}), failed=[])
    assert [(row.run_id, row.chunk) for row in failed_records(engine)] == [(run_id, 0), (other, 0)]


def test_two_writers_of_one_chunk_at_once_do_not_double_it(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    second = threading.Thread(
        target=ledger.store_outcomes,
        args=(run_id,),
        kwargs={"chunk": 0, "rail": Rail.REST, "counts": counts(), "failed": [failed_record("second")]},
    )

    def records() -> Iterator[FailedRecord]:
        second.start()
        wait_until(lambda: is_anyone_waiting(engine) or not second.is_alive())
        yield failed_record("first")

    ledger.store_outcomes(run_id, chunk=0, rail=Rail.REST, counts=counts(), failed=records())
    second.join()
    assert [row.source_key for row in failed_records(engine)] == ["second"]


def test_an_error_half_way_through_the_records_keeps_what_was_there(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.REST, counts=counts(), failed=[failed_record("old")])

    def broken() -> Iterator[FailedRecord]:
        for number in range(2_500):
            yield failed_record(f"new {number}")
        raise OSError("result file is gone")

    with pytest.raises(OSError, match="result file is gone"):
        ledger.store_outcomes(
            run_id, chunk=0, rail=Rail.REST, counts=counts(errors={"B": 7}), failed=broken()
        )
    assert [row.source_key for row in failed_records(engine)] == ["old"]
    assert run_summary(engine, run_id).errors == {"REQUIRED_FIELD_MISSING": 1}


def test_many_failed_records_are_read_from_a_stream_and_all_kept_in_order(
    engine: Engine, ledger: Ledger
) -> None:
    run_id = start_load(ledger)
    records = (failed_record(f"k{number:05}") for number in range(3_001))
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.BULK, counts=counts(errors={"A": 3_001}), failed=records)
    assert stored(engine) == 3_001
    assert failed_records(engine, limit=1)[0].source_key == "k03000"


ODD_TEXTS = [
    "",
    r"\N",
    r"\.",
    "tab\tnew\nline\rreturn\\backslash",
    "quote \" and ' and ,",
    "Zoë 東京 😀",
    '{"json": "\\u0041"}',
    " spaces ",
]


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_any_text_comes_back_as_it_was_sent(engine: Engine, ledger: Ledger, odd: str) -> None:
    run_id = start_load(ledger, sync=odd)
    values = {"Name": odd, odd: None, "Other": ""}
    record = failed_record(odd, message=odd, values=values, fields=(odd, "B"), state=OutcomeState.UNPROCESSED)
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.REST, counts=counts(), failed=[record])
    [row] = failed_records(engine)
    assert (row.source_key, row.message, row.sync) == (odd, odd, odd)
    assert (row.values, row.fields, row.state) == (values, [odd, "B"], "unprocessed")
    assert (row.job_id, row.request_id, row.payload_hash) == ("750A", None, "ab12")


def test_nul_never_stops_the_ledger(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    record = failed_record("a\x00b", message="\x00", values={"Name": "x\x00y"})
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.REST, counts=counts(), failed=[record])
    ledger.fail_run(run_id, error="broken \x00 answer")
    assert failed_records(engine)[0].values == {"Name": "x\u2400y"}
    assert run_summary(engine, run_id).verdict_text == "broken \u2400 answer"


@pytest.mark.parametrize(("lost", "accounted"), [(0, True), (1, False)])
def test_a_chunk_says_whether_every_row_is_accounted_for(
    engine: Engine, ledger: Ledger, lost: int, accounted: bool
) -> None:
    run_id = start_load(ledger)
    ledger.store_outcomes(
        run_id, chunk=0, rail=Rail.REST, counts=counts(lost=lost), failed=[failed_record("k")]
    )
    with engine.connect() as connection:
        assert connection.execute(select(tables.outcome_summary.c.accounted)).scalar_one() is accounted


def test_a_decision_is_kept_with_its_inputs(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    decision_id = ledger.record_decision(run_id, decision(seconds=float("inf")))
    with engine.connect() as connection:
        row = connection.execute(select(tables.decision)).one()
    assert (row.id, row.run_id, row.action, row.rail, row.forced) == (
        decision_id,
        run_id,
        "run",
        "bulk",
        False,
    )
    assert row.costs["bulk"]["seconds"] == "inf"
    assert row.rejected == {"cdc": {"code": "reads_only", "text": "CDC only reads.", "figures": {}}}
    assert row.inputs["slice"]["operation"] == "upsert"
    assert row.inputs["headroom"] == {
        "taken_at": "2026-01-05T12:00:00+00:00",
        "budgets": {
            "DailyApiRequests": {"maximum": 100_000, "remaining": 99_000, "reserved": 0, "outlook": None}
        },
    }
    assert (row.inputs["remarks"], row.inputs["pace_calls_per_minute"]) == ([], None)


def test_a_run_that_is_over_takes_no_new_work_but_late_outcomes(engine: Engine, ledger: Ledger) -> None:
    run_id = start_load(ledger)
    ledger.fail_run(run_id, error="The org went away.")
    with pytest.raises(LedgerError, match=r"is over \(error\)"):
        record_intent(ledger, run_id)
    with pytest.raises(LedgerError, match=r"is over \(error\)"):
        ledger.record_decision(run_id, decision())
    with pytest.raises(LedgerError, match=r"is over \(error\)"):
        ledger.finish_run(run_id, verdict=COMPLETE, counts=counts(), api_calls=1)
    ledger.store_outcomes(run_id, chunk=0, rail=Rail.BULK, counts=counts(), failed=[failed_record("k")])
    assert stored(engine) == 1
    assert run_summary(engine, run_id).state == "error"


def test_unknown_runs_and_jobs_are_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="has no run"):
        ledger.record_decision(uuid4(), decision())
    with pytest.raises(LedgerError, match="has no run"):
        ledger.store_outcomes(uuid4(), chunk=0, rail=Rail.REST, counts=counts(), failed=[])
    with pytest.raises(LedgerError, match="has no journal"):
        ledger.record_closed(uuid4())
