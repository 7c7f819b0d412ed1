from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sf_pipelines.ledger.locks import sync_lock
from sf_pipelines.model.rail import Operation, Rail
from sf_pipelines.model.sync import LoadSync
from sf_pipelines.present.bulk_jobs import foreign_job_events, watch_sentence
from sf_pipelines.rails.errors import UnreachableError
from sf_pipelines.workflows.load import LoadRequest, run_load
from sf_pipelines.workflows.tools import Tools
from sf_pipelines.workflows.watch_jobs import watch_jobs
from sf_pipelines_tests.workflows.orgs import KEY, load_of, write_csv
from sf_pipelines_tests.workflows.watched_ingest import failing, watched


def accounts(folder: Path, rows: int = 3) -> LoadSync:
    source = write_csv(folder / "accounts.csv", [{KEY: f"a{n}", "Name": f"Name {n}"} for n in range(rows)])
    return load_of("Account", source, (KEY, "Name"))


def left(tools: Tools, folder: Path, *, partition: str | None = "2026-03-04") -> None:
    """A run whose process died when its jobs were closed."""
    request = LoadRequest(sync=accounts(folder, 40), partition_key=partition, forced_rail=Rail.BULK)
    dying = failing(replace(tools, job_max_bytes=500), {"wait": UnreachableError("No connection.")})
    with pytest.raises(UnreachableError):
        run_load(request, dying)


def end_all_jobs(tools: Tools) -> None:
    for job in list(tools.client.ingest.jobs()):
        tools.client.ingest.wait(job.id, expected_seconds=0)


def test_one_list_call_finds_every_job_and_the_run_that_takes_them_up(tools: Tools, tmp_path: Path) -> None:
    left(tools, tmp_path)
    end_all_jobs(tools)
    asked: list[str] = []

    watch = watch_jobs(watched(tools, lambda step, _: asked.append(step)))

    assert asked == ["jobs"]
    assert [(run.sync, run.partition_key, run.attempts) for run in watch.ready] == [
        ("account_load", "2026-03-04", 1)
    ]
    assert watch.listed > 1
    assert watch.foreign == ()


def test_a_run_that_a_process_works_on_is_left_to_it(tools: Tools, tmp_path: Path) -> None:
    left(tools, tmp_path)
    end_all_jobs(tools)

    with sync_lock(tools.engine, "account_load"):
        watch = watch_jobs(tools)

    assert (watch.ready, len(watch.at_work)) == ((), 1)
    assert "1 loads are unfinished; 1 of them are being worked on: no run is asked for." in watch_sentence(
        watch
    )


def test_a_job_of_others_whose_rows_failed_is_flagged_once(tools: Tools) -> None:
    ingest = tools.client.ingest
    job = ingest.create("Account", Operation.INSERT)
    ingest.upload(job.id, [b'Name\nGood\n""\n'])
    ingest.close(job.id)
    ingest.wait(job.id, expected_seconds=0)

    first, second = watch_jobs(tools), watch_jobs(tools)

    (foreign,) = first.partly_failed
    assert (foreign.job_id, foreign.records_processed, foreign.records_failed) == (job.id, 2, 1)
    assert second.foreign == ()
    (event,) = foreign_job_events(first.partly_failed)
    assert event.description is not None
    assert "1 jobs that no run of ours made ended with 1 failed rows" in event.description


def test_a_run_without_a_partition_is_named_since_dagster_cannot_start_it(
    tools: Tools, tmp_path: Path
) -> None:
    left(tools, tmp_path, partition=None)
    end_all_jobs(tools)

    assert "belongs to no partition, so start that load by hand" in watch_sentence(watch_jobs(tools))
