"""Batches past their five minutes, rows that others hold, and what both do to a job's counters."""

from __future__ import annotations

from typing import Any

import pytest

from sf_pipelines.emulator.bulk import ingest_run
from sf_pipelines.emulator.bulk.jobs import info_body
from sf_pipelines.emulator.bulk.settings import BATCH_LIMIT_MS, LOCK_RETRIES, BulkSettings
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.results import RowResult, RowResults
from sf_pipelines_tests.emulator.bulk.support import bench


def content(rows: int) -> str:
    return "Name\n" + "".join(f"n{number}\n" for number in range(rows))


def test_a_slow_batch_goes_back_to_the_queue_and_each_return_is_a_retry() -> None:
    # 200 rows take 60 s, so that five chunks fit into five minutes: 2,000 rows are two attempts.
    with bench() as org:
        job = org.run(org.add_job(content(2000)), BulkSettings(row_ms=300))

        info = info_body(job, org.store.now_ms())
        assert (job.state, job.records_processed, job.retries) == ("JobComplete", 2000, 1)
        assert info["apexProcessingTime"] == info["apiActiveProcessingTime"] == 600_000
        assert info["totalProcessingTime"] >= info["apiActiveProcessingTime"]


def test_a_batch_that_is_not_done_after_twenty_retries_fails_the_job_and_leaves_the_rest() -> None:
    # One chunk of 200 fills an attempt: 21 attempts do 4,200 rows.
    with bench() as org:
        job = org.run(org.add_job(content(5000)), BulkSettings(row_ms=BATCH_LIMIT_MS / 200))

        assert (job.state, job.error_message) == ("Failed", "Timeout : Retried more than 20 times")
        assert (job.records_processed, job.records_failed, job.retries) == (4200, 0, 20)
        assert org.rows(job, "unprocessed")[0] == ["n4200"]
        assert len(org.rows(job, "unprocessed")) == 800


def test_a_chunk_longer_than_five_minutes_never_gets_done() -> None:
    with bench() as org:
        job = org.run(org.add_job(content(200)), BulkSettings(row_ms=BATCH_LIMIT_MS))

        assert (job.state, job.records_processed, job.retries) == ("Failed", 0, 20)
        assert len(org.rows(job, "unprocessed")) == 200


def test_siblings_of_a_batch_out_of_time_stay_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_run, "BATCH_ROWS", 5000)
    with bench(2) as org:
        settings = BulkSettings(parallel_batches=2, row_ms=BATCH_LIMIT_MS / 200)
        job = org.run(org.add_job(content(12_000)), settings)

        left = [row[0] for row in org.rows(job, "unprocessed")]
        assert job.records_processed == 2 * 4200
        assert left == [f"n{at}" for at in (*range(4200, 5000), *range(9200, 12_000))]


class HeldRows:
    """An org in which some rows are held by others for a number of attempts."""

    def __init__(self, org: Any, held: dict[str, int]) -> None:
        self._org = org
        self._held = held

    def __getattr__(self, name: str) -> Any:
        return getattr(self._org, name)

    def create(self, sobject: str, records: Any, **options: Any) -> RowResults:
        names = [record["Name"] for record in records]
        locked = [self._held.get(name, 0) > 0 for name in names]
        self._held.update({name: self._held[name] - 1 for name in names if self._held.get(name, 0) > 0})
        free = records.take([at for at, is_locked in enumerate(locked) if not is_locked])
        results = iter(self._org.create(sobject, free, **options))
        message = "unable to obtain exclusive access to this record or 1 records: 001xx0000000001AAA"
        error = SalesforceError("UNABLE_TO_LOCK_ROW", message, fields=())
        return RowResults.of(
            RowResult(id=None, success=False, errors=(error,)) if is_locked else next(results)
            for is_locked in locked
        )


def test_rows_that_are_held_for_a_while_are_tried_again_chunk_by_chunk() -> None:
    with bench() as org:
        held = HeldRows(org.org, {"n1": 2, "n2": 1, "n500": 1})
        job = org.run(org.add_job(content(600)), org=held)

        # The first chunk twice, the third once.
        assert (job.records_processed, job.records_failed, job.retries) == (600, 0, 3)
        assert sorted(row[2] for row in org.rows(job, "successful")) == sorted(f"n{at}" for at in range(600))


def test_a_row_that_stays_held_fails_in_the_end() -> None:
    with bench() as org:
        job = org.run(org.add_job(content(3)), org=HeldRows(org.org, {"n1": 99}))

        assert (job.state, job.records_failed, job.retries) == ("JobComplete", 1, LOCK_RETRIES)
        (row,) = org.rows(job, "failed")
        assert row[1].startswith("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record")
        assert row[1].endswith(":--")
