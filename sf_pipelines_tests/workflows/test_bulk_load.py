from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from sf_pipelines.emulator.clock import Clock
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines.ledger.engine import LedgerError
from sf_pipelines.ledger.queries import JournalRow, failed_records, jobs_of_run, recent_runs, run_summary
from sf_pipelines.model.outcome import OutcomeCounts
from sf_pipelines.model.rail import Rail
from sf_pipelines.model.sync import LoadSync, Tolerance
from sf_pipelines.rails.client import connect
from sf_pipelines.rails.errors import RequestLimitError, UnknownOutcomeError, UnreachableError
from sf_pipelines.rails.ports import JobState
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.tools import Tools
from sf_pipelines_tests.workflows.orgs import KEY, load_of, settings_of, write_csv
from sf_pipelines_tests.workflows.watched_ingest import failing, watched

FIELDS = (KEY, "Name")
LOST = UnknownOutcomeError("The answer was lost.")
NO_CALLS = RequestLimitError("TotalRequests Limit exceeded.")


def accounts(folder: Path, rows: int = 3) -> LoadSync:
    source = write_csv(folder / "accounts.csv", [{KEY: f"a{n}", "Name": f"Name {n}"} for n in range(rows)])
    return load_of("Account", source, FIELDS)


def in_jobs_of(tools: Tools, max_bytes: int) -> Tools:
    return replace(tools, job_max_bytes=max_bytes)


def some_without_name(folder: Path, rows: int) -> LoadSync:
    names = {n: None if n % 10 == 7 else f"Name {n}" for n in range(rows)}
    source = write_csv(folder / "accounts.csv", [{KEY: f"a{n:03d}", "Name": names[n]} for n in range(rows)])
    return load_of("Account", source, FIELDS, tolerance=Tolerance(share=1.0))


def only_job(tools: Tools) -> JournalRow:
    (run,) = recent_runs(tools.engine, sync=None, limit=5)
    (job,) = jobs_of_run(tools.engine, run.run_id)
    return job


def state_in_org(tools: Tools, job: JournalRow) -> JobState:
    assert job.job_id is not None
    return tools.client.ingest.info(job.job_id).state


def test_each_chunk_is_a_job_of_its_own_and_all_rows_add_up(tools: Tools, tmp_path: Path) -> None:
    request = LoadRequest(sync=some_without_name(tmp_path, 100), forced_rail=Rail.BULK)

    report = run_load(request, in_jobs_of(tools, 500))

    assert report.counts == OutcomeCounts(
        submitted=100, succeeded=90, failed=10, created=90, errors={"REQUIRED_FIELD_MISSING": 10}
    )
    jobs = jobs_of_run(tools.engine, report.run_id)
    assert len(jobs) >= 4
    assert [job.job_id for job in jobs] == list(report.job_urls)
    assert [job.chunk for job in jobs] == list(range(len(jobs)))
    assert {(job.step, job.org_state) for job in jobs} == {("results_stored", "JobComplete")}
    assert sum(job.rows for job in jobs) == 100
    failed = failed_records(tools.engine, run_id=report.run_id, limit=100)
    assert sorted(record.source_key for record in failed) == [
        f"a{number:03d}" for number in range(7, 100, 10)
    ]
    assert {record.failure_class for record in failed} == {"data"}
    job_of_chunk = {job.chunk: job.job_id for job in jobs}
    assert all(record.job_id == job_of_chunk[record.chunk] for record in failed)


def test_all_chunks_are_handed_over_before_the_first_is_waited_for(tools: Tools, tmp_path: Path) -> None:
    steps: list[str] = []
    small = in_jobs_of(watched(tools, lambda step, _: steps.append(step)), 500)

    report = run_load(LoadRequest(sync=accounts(tmp_path, 40), forced_rail=Rail.BULK), small)

    chunks = len(report.job_urls)
    assert chunks > 1
    assert steps == ["create", "upload", "close"] * chunks + ["wait", *["results"] * 3] * chunks


def test_each_step_is_in_the_journal_before_the_next_call_is_made(tools: Tools, tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []
    inner = watched(tools, lambda step, _: seen.append((step, only_job(tools).step)))

    run_load(LoadRequest(sync=accounts(tmp_path), forced_rail=Rail.BULK), inner)

    assert seen == [
        ("create", "intent"),
        ("upload", "created"),
        ("close", "uploaded"),
        ("wait", "closed"),
        *[("results", "counted")] * 3,
    ]
    assert only_job(tools).step == "results_stored"


@pytest.mark.parametrize(
    ("step", "error"),
    [
        pytest.param("upload", OSError("the payload is gone"), id="the payload cannot be read"),
        pytest.param("upload", KeyboardInterrupt(), id="the run was cancelled while it uploaded"),
        pytest.param("close", NO_CALLS, id="the close was refused"),
        pytest.param("close", KeyboardInterrupt(), id="the run was cancelled before it closed"),
    ],
)
def test_a_job_that_was_not_closed_is_aborted_and_the_run_is_interrupted(
    tools: Tools, tmp_path: Path, step: str, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        run_load(LoadRequest(sync=accounts(tmp_path), forced_rail=Rail.BULK), failing(tools, {step: error}))

    job = only_job(tools)
    assert job.step == "aborted"
    assert job.error_message == (str(error) or type(error).__name__)
    assert state_in_org(tools, job) is JobState.ABORTED
    run = run_summary(tools.engine, job.run_id)
    assert (run.state, run.verdict_text) == ("interrupted", str(error) or type(error).__name__)
    assert tools.client.rest.count("SELECT COUNT() FROM Account") == 0


def test_a_job_that_could_not_be_created_leaves_its_intent(tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(RequestLimitError):
        run_load(
            LoadRequest(sync=accounts(tmp_path), forced_rail=Rail.BULK),
            failing(tools, {"create": NO_CALLS}),
        )

    job = only_job(tools)
    assert (job.step, job.job_id) == ("intent", None)


def test_a_job_that_was_closed_is_never_aborted_and_its_payload_is_kept(tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        run_load(
            LoadRequest(sync=accounts(tmp_path), forced_rail=Rail.BULK),
            failing(tools, {"wait": UnreachableError("No connection.")}),
        )

    job = only_job(tools)
    assert job.step == "closed"
    assert tools.client.ingest.wait(str(job.job_id), expected_seconds=0).state is JobState.JOB_COMPLETE
    assert Path(str(job.payload_path)).exists()


def test_a_chunk_whose_upload_was_lost_is_aborted_and_sent_as_another_job(
    tools: Tools, tmp_path: Path
) -> None:
    def lose_the_first(step: str, asked: int) -> None:
        if (step, asked) == ("upload", 1):
            raise LOST

    report = run_load(
        LoadRequest(sync=accounts(tmp_path), forced_rail=Rail.BULK), watched(tools, lose_the_first)
    )

    assert report.counts == OutcomeCounts(submitted=3, succeeded=3, created=3)
    jobs = jobs_of_run(tools.engine, report.run_id)
    assert [job.step for job in jobs] == ["aborted", "results_stored"]
    assert state_in_org(tools, jobs[0]) is JobState.ABORTED


def test_a_close_that_arrived_although_its_answer_was_lost_is_not_aborted(
    tools: Tools, tmp_path: Path
) -> None:
    def close_twice(step: str, asked: int) -> None:
        if step == "close":
            job = only_job(tools)
            tools.client.ingest.close(str(job.job_id))
            raise LOST

    with pytest.raises(LedgerError, match="has a job already"):
        run_load(LoadRequest(sync=accounts(tmp_path), forced_rail=Rail.BULK), watched(tools, close_twice))

    assert only_job(tools).step == "uploaded"

    report = run_load(LoadRequest(sync=accounts(tmp_path), forced_rail=Rail.BULK), tools)

    assert (report.attempts, report.counts.succeeded) == (2, 3)
    assert only_job(tools).step == "results_stored"


def test_where_the_abort_fails_too_the_first_error_is_the_one_that_is_told(
    tools: Tools, tmp_path: Path
) -> None:
    errors: dict[str, BaseException] = {"upload": NO_CALLS, "abort": UnreachableError("No connection.")}

    with pytest.raises(RequestLimitError):
        run_load(LoadRequest(sync=accounts(tmp_path), forced_rail=Rail.BULK), failing(tools, errors))

    job = only_job(tools)
    assert job.step == "created"
    assert run_summary(tools.engine, job.run_id).verdict_text == str(NO_CALLS)


def test_a_session_that_expires_before_the_upload_is_renewed_and_the_rows_arrive(
    tools: Tools, tmp_path: Path, engine: Engine
) -> None:
    clock = Clock()
    with EmulatorServer(clock=clock, session_lifetime_seconds=60) as short_lived:
        client = connect(settings_of(short_lived))

        def expire(step: str, asked: int) -> None:
            if step == "upload":
                clock.advance(61)

        aging = watched(Tools(
            client=client, ledger=tools.ledger, engine=engine, database_url=tools.database_url,
            lake=tools.lake, spool=tools.spool, extract_lag_seconds=0,
        ), expire)  # fmt: skip

        report = run_load(LoadRequest(sync=accounts(tmp_path, 5), forced_rail=Rail.BULK), aging)

        assert report.counts.succeeded == 5
