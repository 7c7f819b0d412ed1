"""Several jobs and batches at once: nothing is lost, whoever comes first."""

from __future__ import annotations

import pytest

from sf_pipelines.emulator.bulk import ingest_run
from sf_pipelines.emulator.bulk.settings import BulkSettings
from sf_pipelines.emulator.server import EmulatorServer
from sf_pipelines_tests.emulator.surface.support import Caller


def test_parallel_jobs_account_for_all_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_run, "BATCH_ROWS", 50)
    with EmulatorServer(bulk=BulkSettings(parallel_batches=4)) as server:
        token = server.surface.oauth.open_session().token
        caller = Caller(server.credentials.url, token, server.surface)
        ids = [caller.new_ingest()["id"] for _ in range(6)]
        for job_id in ids:
            caller.put_csv(job_id, "Name\n" + "".join(f"{job_id}-{row}\n" for row in range(420)))
        for job_id in ids:
            caller.patch(f"/jobs/ingest/{job_id}", {"state": "UploadComplete"})
        jobs = [caller.wait(job_id) for job_id in ids]
        names = [
            line.split(",")[2]
            for one in ids
            for line in caller.results(one, "successfulResults").split("\n")[1:-1]
        ]

        assert [(job.state, job.records_processed, job.records_failed) for job in jobs] == [
            ("JobComplete", 420, 0)
        ] * 6
        assert sorted(names) == sorted(f'"{job_id}-{row}"' for job_id in ids for row in range(420))
        assert server.surface.limits.used("DailyBulkApiBatches") == 6 * 9
