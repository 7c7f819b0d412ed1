"""Extracts that a dead process has left: gone on with at the last stored page, whatever the org has lost."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.lake.parquet import read_parquet
from sf_pipelines.ledger.extract_book import ExtractBook
from sf_pipelines.ledger.queries import jobs_of_run, recent_runs
from sf_pipelines.model.extract import ReadTrouble
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.slice import Window
from sf_pipelines.model.sync import ExtractSync
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.ports import QueryPage
from sf_pipelines.workflows.errors import ReadError
from sf_pipelines.workflows.extract import ExtractReport, ExtractRequest, run_extract
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.conftest import SCHEDULE
from sf_pipelines_tests.workflows.orgs import DAY, settings_of

PAGE_ROWS = 4
ROWS = 18
SYNC = ExtractSync(name="account_extract", sobject="Account", fields=("Name",))
REQUEST = ExtractRequest(sync=SYNC, window=DAY, partition_key="2026-03-04", forced_rail=Rail.BULK)
TWO_DAYS = replace(REQUEST, window=Window(start=DAY.start, end=DAY.end + timedelta(days=1)))


class KilledError(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.fixture(autouse=True)
def filled(emulator: EmulatorServer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eighteen accounts, which the org tells on five pages."""
    monkeypatch.setattr("sf_pipelines.emulator.bulk.query_routes.DEFAULT_PAGE_ROWS", PAGE_ROWS)
    monkeypatch.setattr("sf_pipelines.workflows.bulk_extract.PAGES_AT_ONCE", 1)
    add_accounts(emulator, ROWS)
    clock.advance(60)


@pytest.fixture
def impatient(emulator: EmulatorServer, tools: Tools) -> Tools:
    """A client that repeats without waiting."""
    client = connect(settings_of(emulator), schedule=SCHEDULE, sleep=lambda _: None)
    return replace(tools, client=client)


def add_accounts(emulator: EmulatorServer, rows: int) -> None:
    org = emulator.surface.org
    results = org.create("Account", [{"Name": f"N {n}"} for n in range(rows)], user_id=org.user_id)
    assert all(result.success for result in results)


def killed_at_page(tools: Tools, number: int) -> Tools:
    """Tools of a process that dies when it asks for that page."""
    return with_pages(tools, lambda page: _die(page.number == number))


def _die(is_time: bool) -> None:
    if is_time:
        raise KilledError


def with_pages(tools: Tools, seen: Callable[[QueryPage], None]) -> Tools:
    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(tools.client.queries, name)

        @contextmanager
        def page(self, job_id: str, **which: Any) -> Generator[QueryPage]:
            with tools.client.queries.page(job_id, **which) as page:
                seen(page)
                yield page

    return replace(tools, client=replace(tools.client, queries=Watched()))


def pages_asked(emulator: EmulatorServer) -> int:
    return sum(call["path"].endswith("/results") for call in emulator.surface.calls.listed())


def pages_stored(tools: Tools) -> int:
    (run,) = recent_runs(tools.engine, sync=SYNC.name, limit=5)
    return sum(page.uri is not None for page in ExtractBook(tools.engine).pages(run.run_id, 0))


def jobs_made(emulator: EmulatorServer) -> int:
    calls = emulator.surface.calls.listed()
    return sum(call["method"] == "POST" and call["path"].endswith("/jobs/query") for call in calls)


def check_all_is_there(report: ExtractReport, tools: Tools, rows: int = ROWS) -> None:
    in_lake = [row for file in report.files for batch in read_parquet(file) for row in batch.to_pylist()]
    assert len({row["Id"] for row in in_lake}) == len(in_lake) == rows
    on_disk = {str(path) for path in Path(report.uri).rglob("*") if path.is_file()}
    assert on_disk == set(report.files)
    with tools.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM raw.account")).scalar_one() == rows
    assert (report.counts.submitted, report.counts.succeeded) == (rows, rows)
    assert report.verdict.state.is_green


@pytest.mark.parametrize("page", [1, 2, 5])
def test_the_next_process_asks_only_for_the_pages_that_are_not_stored(
    tools: Tools, emulator: EmulatorServer, page: int
) -> None:
    with pytest.raises(KilledError):
        run_extract(REQUEST, killed_at_page(tools, page))
    asked = pages_asked(emulator)
    stored = pages_stored(tools)

    report = run_extract(REQUEST, tools)

    check_all_is_there(report, tools)
    assert pages_asked(emulator) - asked == 5 - stored
    assert page - 1 <= stored <= 4
    assert jobs_made(emulator) == 1
    assert report.attempts == 2
    (run,) = recent_runs(tools.engine, sync=SYNC.name, limit=5)
    assert (run.state, run.submitted) == ("complete", ROWS)


def test_a_process_may_die_twice(tools: Tools, emulator: EmulatorServer) -> None:
    for page in (2, 4):
        with pytest.raises(KilledError):
            run_extract(REQUEST, killed_at_page(tools, page))

    report = run_extract(REQUEST, tools)

    check_all_is_there(report, tools)
    assert (report.attempts, jobs_made(emulator)) == (3, 1)


@pytest.mark.parametrize("verb", ["list_pages", "store_page", "part_stored", "part_merged"])
def test_a_process_may_die_before_it_can_say_what_it_has_done(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ExtractBook, verb, lambda *_, **__: _die(True))
        with pytest.raises(KilledError):
            run_extract(REQUEST, tools)

    check_all_is_there(run_extract(REQUEST, tools), tools)


def test_a_job_whose_name_was_never_learnt_is_replaced(
    tools: Tools, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(type(tools.ledger), "record_created", lambda *_: _die(True))
        with pytest.raises(KilledError):
            run_extract(REQUEST, tools)

    check_all_is_there(run_extract(REQUEST, tools), tools)
    assert jobs_made(emulator) == 2


def test_a_result_that_the_org_has_deleted_is_asked_for_anew(tools: Tools, emulator: EmulatorServer) -> None:
    with pytest.raises(KilledError):
        run_extract(REQUEST, killed_at_page(tools, 3))
    (job,) = emulator.surface.jobs.all("query")
    emulator.surface.jobs.remove(job)

    report = run_extract(REQUEST, tools)

    check_all_is_there(report, tools)
    assert jobs_made(emulator) == 2


def test_results_of_another_api_version_are_asked_for_anew(tools: Tools, emulator: EmulatorServer) -> None:
    older = replace(settings_of(emulator), api_version="62.0")
    with pytest.raises(KilledError):
        run_extract(REQUEST, killed_at_page(replace(tools, client=connect(older, schedule=SCHEDULE)), 3))

    report = run_extract(REQUEST, tools)

    check_all_is_there(report, tools)
    assert jobs_made(emulator) == 2


def test_what_has_passed_of_a_running_day_since_the_crash_is_read_too(
    tools: Tools, emulator: EmulatorServer, clock: Clock
) -> None:
    with pytest.raises(KilledError):
        run_extract(REQUEST, killed_at_page(tools, 2))
    add_accounts(emulator, 3)
    clock.set(DAY.end + timedelta(hours=1))

    report = run_extract(REQUEST, tools)

    check_all_is_there(report, tools, ROWS + 3)
    assert report.window_is_over


def test_days_of_a_backfill_that_are_asked_for_alone_go_on_with_its_run(
    tools: Tools, emulator: EmulatorServer, clock: Clock
) -> None:
    clock.set(TWO_DAYS.window.end + timedelta(hours=1))
    with pytest.raises(KilledError):
        run_extract(TWO_DAYS, killed_at_page(tools, 4))

    report = run_extract(REQUEST, tools)

    assert report.attempts == 2
    assert jobs_made(emulator) == 1
    assert report.window == DAY


def test_other_fields_begin_a_new_run(tools: Tools) -> None:
    with pytest.raises(KilledError):
        run_extract(REQUEST, killed_at_page(tools, 2))

    report = run_extract(replace(REQUEST, sync=replace(SYNC, fields=("Name", "Industry"))), tools)

    check_all_is_there(report, tools)
    assert [run.state for run in recent_runs(tools.engine, sync=SYNC.name, limit=5)] == ["complete", "error"]


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ({"kind": "truncate", "path": "*/results"}, ReadTrouble.PAGE_CUT),
        ({"kind": "truncate_gzip", "path": "*/results"}, ReadTrouble.PAGE_CUT),
        ({"kind": "wrong_record_count", "add": -1}, ReadTrouble.PAGE_COUNT_DISAGREES),
        ({"kind": "session_expired", "path": "*/results"}, ReadTrouble.SESSION_EXPIRED),
        ({"kind": "status", "status": 503, "path": "*/results"}, ReadTrouble.ORG_UNREACHABLE),
        ({"kind": "reset", "path": "*/results"}, ReadTrouble.ORG_UNREACHABLE),
        (
            {"kind": "status", "status": 400, "code": "API_ERROR", "message": "The locator is not valid",
             "path": "*/results"},
            ReadTrouble.LOCATOR_EXPIRED,
        ),
        (
            {"kind": "status", "status": 409, "code": "API_ERROR", "message": "other version",
             "path": "*/results"},
            ReadTrouble.VERSION_MISMATCH,
        ),
        (
            {"kind": "status", "status": 403, "code": "INSUFFICIENT_ACCESS", "path": "*/results"},
            ReadTrouble.ORG_REFUSED,
        ),
        (
            {"kind": "wrong_counters", "processed": 2, "path": "*/jobs/query/*"},
            ReadTrouble.JOB_COUNT_DISAGREES,
        ),
    ],
    ids=lambda value: value.value if isinstance(value, ReadTrouble) else value["kind"],
)  # fmt: skip
def test_a_window_stays_red_in_a_named_state_and_resumes_where_it_stood(
    impatient: Tools, emulator: EmulatorServer, fault: dict[str, Any], trouble: ReadTrouble
) -> None:
    entry = emulator.surface.faults.add(fault)
    with pytest.raises(ReadError, match=rf"stays red \({trouble.value}\).*goes on where it stands") as caught:
        run_extract(REQUEST, impatient)
    emulator.surface.faults.remove(entry.fault.name)

    assert caught.value.trouble is trouble
    (run,) = recent_runs(impatient.engine, sync=SYNC.name, limit=5)
    assert run.state == "interrupted"
    (part,) = ExtractBook(impatient.engine).parts(run.run_id)
    assert (part.trouble, part.state) == (trouble, "planned")
    report = run_extract(REQUEST, impatient)
    check_all_is_there(report, impatient)
    assert report.run_id == run.run_id


@pytest.mark.parametrize(
    "kind", ["truncate", "truncate_gzip", "wrong_record_count", "session_expired", "reset"]
)
def test_a_trouble_that_passes_costs_one_more_call_and_no_red_window(
    impatient: Tools, emulator: EmulatorServer, kind: str
) -> None:
    emulator.surface.faults.add({"kind": kind, "path": "*/results", "nth": 2})

    check_all_is_there(run_extract(REQUEST, impatient), impatient)

    assert pages_asked(emulator) == 6


def test_a_query_that_fails_after_its_retries_is_read_in_smaller_parts(
    tools: Tools, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sf_pipelines.workflows.read_parts.SMALLEST_CUT_ROWS", 1)
    fail_large_queries(monkeypatch, most_rows=6)

    report = run_extract(REQUEST, tools)

    check_all_is_there(report, tools)
    assert len(report.job_urls) >= 3


def test_a_query_that_fails_however_small_it_is_stays_red_and_resumes(
    tools: Tools, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_large_queries(patch, most_rows=0)
        with pytest.raises(ReadError, match=r"\(query_job_failed\).*after 15 retries"):
            run_extract(REQUEST, tools)

    report = run_extract(REQUEST, tools)

    check_all_is_there(report, tools)
    assert [job.step for job in jobs_of_run(tools.engine, report.run_id)] == ["aborted", "counted"]


def test_an_entity_that_bulk_does_not_carry_goes_by_rest(
    tools: Tools, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.surface.faults.add(
        {
            "kind": "status",
            "status": 400,
            "code": "INVALIDENTITY",
            "message": "Entity 'Account' is not supported by the Bulk API.",
            "path": "*/jobs/query",
            "method": "POST",
        }
    )
    monkeypatch.setattr("sf_pipelines.policy.state.cost", _bulk_is_cheap())

    report = run_extract(replace(REQUEST, forced_rail=None), tools)

    check_all_is_there(report, tools)
    assert report.decision.rail is Rail.BULK
    assert report.job_urls == {}


def _bulk_is_cheap() -> Callable[..., Any]:
    from sf_pipelines.policy.costs import cost

    def cheap(slice_: Any, rail: Rail, performance: Any) -> Any:
        price = cost(slice_, rail, performance)
        return price if rail is Rail.BULK else replace(price, api_calls=10_000, seconds=10_000.0)

    return cheap


def fail_large_queries(patch: pytest.MonkeyPatch, *, most_rows: int) -> None:
    """The org gives up on every query of more rows."""
    from sf_pipelines.emulator.bulk.query_run import QueryRun

    whole = QueryRun._spool

    def spool(run: QueryRun, result: Any) -> None:
        if result.total_size > most_rows:
            run._run_out_of_time()
        else:
            whole(run, result)

    patch.setattr(QueryRun, "_spool", spool)
