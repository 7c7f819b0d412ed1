"""Runs that another process left: gone on with, settled, or left alone since they are done."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.load_queries import attempts_of_run, unfinished_loads
from sf_pipelines.ledger.locks import SyncBusyError, is_busy, sync_lock
from sf_pipelines.ledger.queries import failed_records, jobs_of_run, recent_runs, run_summary
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines.model.outcome import OutcomeCounts, VerdictState
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.rails.errors import BulkJobNotFoundError, UnknownOutcomeError, UnreachableError
from sf_pipelines.rails.ports import JobState
from sf_pipelines.workflows.errors import TakenUpError
from sf_pipelines.workflows.load import LoadReport, LoadRequest, adopt, run_load
from sf_pipelines.workflows.take_up import MAX_RUN_ATTEMPTS
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import KEY, load_of, write_csv
from sf_pipelines_tests.workflows.watched_ingest import failing, watched

NO_ANSWER = UnreachableError("No connection.")
IN_ORG = "SELECT COUNT() FROM Account"


def upserts(folder: Path, rows: int = 3) -> LoadSync:
    source = write_csv(folder / "accounts.csv", [{KEY: f"a{n}", "Name": f"Name {n}"} for n in range(rows)])
    return load_of("Account", source, (KEY, "Name"))


def inserts(folder: Path, rows: int = 3) -> LoadSync:
    source = write_csv(folder / "names.csv", [{"Name": f"Name {n}"} for n in range(rows)])
    return load_of("Account", source, ("Name",), operation=Operation.INSERT, key="Name")


def by_bulk(sync: LoadSync) -> LoadRequest:
    return LoadRequest(sync=sync, forced_rail=Rail.BULK)


def left_at(step: str, sync: LoadSync, tools: Tools) -> None:
    """A run that was interrupted at a step of its job."""
    with pytest.raises(UnreachableError):
        run_load(by_bulk(sync), failing(tools, {step: NO_ANSWER}))


def test_a_run_that_was_interrupted_is_ended_by_the_next_process_and_stays_one_run(
    tools: Tools, tmp_path: Path
) -> None:
    sync = upserts(tmp_path)
    left_at("wait", sync, tools)

    report = run_load(by_bulk(sync), tools)

    (run,) = recent_runs(tools.engine, sync=None, limit=5)
    assert report.run_id == run.run_id
    assert report.counts == OutcomeCounts(submitted=3, succeeded=3, created=3)
    attempts = attempts_of_run(tools.engine, run.run_id)
    assert [(item.attempt, item.error) for item in attempts] == [(1, "No connection."), (2, None)]
    assert len(jobs_of_run(tools.engine, run.run_id)) == 1


def test_adopting_ends_what_is_unfinished_and_begins_nothing_new(tools: Tools, tmp_path: Path) -> None:
    sync = upserts(tmp_path)
    assert adopt(LoadRequest(sync=sync), tools) == []
    left_at("wait", sync, tools)

    (report,) = adopt(LoadRequest(sync=sync), tools)

    assert report.verdict.state is VerdictState.COMPLETE
    assert len(recent_runs(tools.engine, sync=None, limit=5)) == 1


def test_a_job_that_was_made_without_our_learning_its_id_is_aborted(tools: Tools, tmp_path: Path) -> None:
    orphans: list[str] = []

    def create_and_lose(step: str, asked: int) -> None:
        if step == "create" and asked == 1:
            job = tools.client.ingest.create("Account", Operation.UPSERT, external_id_field=KEY)
            orphans.append(job.id)
            raise UnknownOutcomeError("The answer was lost.")

    report = run_load(by_bulk(upserts(tmp_path)), watched(tools, create_and_lose))

    assert report.counts.succeeded == 3
    assert tools.client.ingest.info(orphans[0]).state is JobState.ABORTED


def test_an_open_job_of_another_object_is_left_alone(tools: Tools, tmp_path: Path) -> None:
    other = tools.client.ingest.create("Contact", Operation.INSERT)

    def lose(step: str, asked: int) -> None:
        if step == "create" and asked == 1:
            raise UnknownOutcomeError("The answer was lost.")

    run_load(by_bulk(upserts(tmp_path)), watched(tools, lose))

    assert tools.client.ingest.info(other.id).state is JobState.OPEN


def test_a_repeatable_load_whose_payload_is_gone_is_settled_and_read_from_its_source_again(
    tools: Tools, tmp_path: Path
) -> None:
    sync = upserts(tmp_path)
    left_at("upload", sync, tools)
    shutil.rmtree(tools.spool)

    report = run_load(by_bulk(sync), tools)

    new, old = recent_runs(tools.engine, sync=None, limit=5)
    assert (report.run_id, report.verdict.state) == (new.run_id, VerdictState.COMPLETE)
    assert old.state == "rows_unaccounted"
    assert "its payload is gone from this machine" in old.verdict_text
    assert old.errors == {"NOT_SENT": 3}


def test_results_are_read_although_the_payload_is_gone(tools: Tools, tmp_path: Path) -> None:
    source = write_csv(tmp_path / "a.csv", [{KEY: "a", "Name": "A"}, {KEY: "b", "Name": ""}])
    sync = load_of("Account", source, (KEY, "Name"))
    left_at("wait", sync, tools)
    shutil.rmtree(tools.spool)

    report = run_load(by_bulk(sync), tools)

    assert (report.counts.succeeded, report.counts.failed) == (1, 1)
    _, old = recent_runs(tools.engine, sync=None, limit=5)
    assert (old.succeeded, old.failed) == (1, 1)
    (record,) = failed_records(tools.engine, run_id=old.run_id)
    assert record.source_key == "b"


def test_an_insert_whose_payload_is_gone_ends_red_and_is_not_begun_anew(tools: Tools, tmp_path: Path) -> None:
    sync = inserts(tmp_path)
    left_at("upload", sync, tools)
    shutil.rmtree(tools.spool)

    report = run_load(by_bulk(sync), tools)

    assert report.verdict.state is VerdictState.ROWS_UNACCOUNTED
    assert tools.client.rest.count(IN_ORG) == 0
    with pytest.raises(TakenUpError, match="which ended rows_unaccounted"):
        run_load(by_bulk(sync), tools)


def test_a_sync_that_is_declared_otherwise_by_now_does_not_send_the_old_rows(
    tools: Tools, tmp_path: Path
) -> None:
    left_at("upload", upserts(tmp_path, rows=5), tools)
    narrower = replace(upserts(tmp_path, rows=5), fields=upserts(tmp_path, rows=5).fields[:1])

    report = run_load(by_bulk(narrower), tools)

    _, old = recent_runs(tools.engine, sync=None, limit=5)
    assert "declared otherwise" in old.verdict_text
    records = failed_records(tools.engine, run_id=old.run_id)
    assert {(item.code, item.failure_class) for item in records} == {("NOT_SENT", "org")}
    assert report.run_id != old.run_id


def test_a_run_that_many_processes_have_tried_is_settled_with_its_rows_kept(
    tools: Tools, tmp_path: Path
) -> None:
    sync = upserts(tmp_path)
    left_at("upload", sync, tools)
    for _ in range(MAX_RUN_ATTEMPTS - 1):
        left_at("create", sync, tools)

    report = run_load(by_bulk(sync), tools)

    assert (report.verdict.state, report.attempts) == (VerdictState.ROWS_UNACCOUNTED, MAX_RUN_ATTEMPTS + 1)
    assert "5 processes have tried" in report.verdict.text
    assert [item.code for item in failed_records(tools.engine, run_id=report.run_id)] == ["NOT_SENT"] * 3


def test_an_insert_that_is_done_is_not_done_twice_unless_somebody_asks(tools: Tools, tmp_path: Path) -> None:
    sync = inserts(tmp_path)
    first = run_load(by_bulk(sync), tools)

    again = run_load(by_bulk(sync), tools)

    assert again.counts == OutcomeCounts(unchanged=3)
    assert again.verdict.state is VerdictState.COMPLETE
    assert str(first.run_id) in again.verdict.text
    assert tools.client.rest.count(IN_ORG) == 3
    run_load(replace(by_bulk(sync), again=True), tools)
    assert tools.client.rest.count(IN_ORG) == 6


def test_an_insert_of_other_rows_than_an_earlier_run_had_is_refused_and_not_skipped(
    tools: Tools, tmp_path: Path
) -> None:
    run_load(by_bulk(inserts(tmp_path)), tools)

    with pytest.raises(TakenUpError, match="which had other rows"):
        run_load(by_bulk(inserts(tmp_path, rows=4)), tools)

    assert tools.client.rest.count(IN_ORG) == 3


@pytest.mark.parametrize("operation", [Operation.INSERT, Operation.UPSERT])
def test_a_job_that_somebody_deleted_leaves_no_row_for_a_success_that_is_not_known(
    tools: Tools, tmp_path: Path, operation: Operation
) -> None:
    sync = inserts(tmp_path) if operation is Operation.INSERT else upserts(tmp_path)
    gone = BulkJobNotFoundError("The requested resource does not exist", error_code="NOT_FOUND")

    def lose_results(step: str, asked: int) -> None:
        if step == "results":
            raise gone

    report = run_load(by_bulk(sync), watched(tools, lose_results))

    if operation is Operation.INSERT:
        # the org was asked, and holds them all
        assert report.counts == OutcomeCounts(submitted=3, succeeded=3, created=3)
        return
    assert report.verdict.state is VerdictState.ROWS_UNACCOUNTED
    assert report.counts.errors == {"RESULTS_GONE": 3}
    records = failed_records(tools.engine, run_id=report.run_id)
    assert {item.failure_class for item in records} == {"unknown"}
    assert all(item.next_attempt_at is not None for item in records)


def test_two_processes_never_work_on_one_sync(engine: Engine) -> None:
    with sync_lock(engine, "account_load"):
        assert is_busy(engine, "account_load")
        with (
            pytest.raises(SyncBusyError, match="Another process works on account_load"),
            sync_lock(engine, "account_load", wait_seconds=0.05),
        ):
            raise AssertionError("the lock is held")
        with sync_lock(engine, "contact_load", wait_seconds=0.05):
            pass
    assert not is_busy(engine, "account_load")


def test_a_process_whose_run_was_taken_up_may_send_nothing_more(tools: Tools, tmp_path: Path) -> None:
    other = Ledger(tools.engine)

    def take_up(step: str, asked: int) -> None:
        if step == "create" and asked == 1:
            (run,) = unfinished_loads(tools.engine)
            other.begin_attempt(run.run_id, dagster_run_id=None)
            raise UnknownOutcomeError("The answer was lost.")

    with pytest.raises(LedgerError, match="was taken up by another process"):
        run_load(by_bulk(upserts(tmp_path)), watched(tools, take_up))

    (run,) = recent_runs(tools.engine, sync=None, limit=5)
    assert run.state == "running"
    assert tools.client.rest.count(IN_ORG) == 0


def test_a_failed_record_is_resolved_by_the_run_that_gets_its_row_through(
    tools: Tools, tmp_path: Path
) -> None:
    rows = [{KEY: "a", "Name": "A"}, {KEY: "b", "Name": ""}]
    sync = load_of("Account", write_csv(tmp_path / "a.csv", rows), (KEY, "Name"))
    failed: LoadReport = run_load(LoadRequest(sync=sync), tools)
    assert run_summary(tools.engine, failed.run_id).failed == 1
    write_csv(tmp_path / "a.csv", [rows[0], {KEY: "b", "Name": "mended"}])

    mended = run_load(LoadRequest(sync=sync), tools)

    (record,) = failed_records(tools.engine, run_id=failed.run_id)
    assert record.resolved_by == mended.run_id
