from __future__ import annotations

from collections.abc import Mapping

import pytest

from sf_pipelines.emulator.bulk import ingest_run
from sf_pipelines.emulator.handle import EmulatedOrg
from sf_pipelines.emulator.latency.profile import LatencyProfile
from sf_pipelines_tests.emulator.surface.support import Caller
from sf_pipelines_tests.emulator.waiting import wait_until

LAZY_QUEUE = LatencyProfile(name="lazy queue", bulk_queue_seconds=(60.0, 60.0))
SIX = "Name\n" + "".join(f"{number}\n" for number in range(6))


def accounted(caller: Caller, job_id: str) -> list[int]:
    """Rows in the three result files."""
    kinds = ("successfulResults", "failedResults", "unprocessedrecords")
    return [max(0, len(caller.results(job_id, kind).splitlines()) - 1) for kind in kinds]


def test_a_share_of_the_rows_of_a_job_fails_with_a_code_and_a_seed_picks_them(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    salesforce_org.fault("job_rows_fail", object="Account", share=0.5, seed=3, message="not today")

    jobs = [caller.run_ingest(SIX) for _ in range(2)]

    failed = [caller.results(job["id"], "failedResults") for job in jobs]
    assert failed[0] == failed[1]
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION:not today:--" in failed[0]
    good, bad, left = accounted(caller, jobs[0]["id"])
    assert (good + bad, left) == (6, 0)
    assert 0 < bad < 6
    assert jobs[0]["numberRecordsFailed"] == bad


def test_a_job_fails_after_some_batches_and_leaves_the_rest_unprocessed(
    salesforce_org: EmulatedOrg, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_run, "BATCH_ROWS", 2)
    salesforce_org.fault("job_fails", after_batches=2, message="InternalServerError : so it was told")

    job = caller.run_ingest(SIX)

    assert (job["state"], job["errorMessage"]) == ("Failed", "InternalServerError : so it was told")
    assert accounted(caller, job["id"]) == [4, 0, 2]


def test_a_query_job_fails_too(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    salesforce_org.insert("Account", [{"Name": "a"}])
    salesforce_org.fault("job_fails", operation="query")

    assert caller.run_query("SELECT Id FROM Account")["state"] == "Failed"


def start(caller: Caller) -> str:
    job = caller.new_ingest()
    caller.put_csv(job["id"], SIX)
    caller.patch(f"/jobs/ingest/{job['id']}", {"state": "UploadComplete"})
    return job["id"]


def test_a_stuck_job_stays_in_progress_until_it_is_released(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    fault = salesforce_org.fault("job_stuck", nth=1)
    job_id = start(caller)
    fault.wait_hit()
    assert caller.get(f"/jobs/ingest/{job_id}").json()["state"] == "InProgress"

    fault.release()

    assert caller.wait(job_id).state == "JobComplete"


def test_a_stuck_job_can_be_aborted(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    fault = salesforce_org.fault("job_stuck")
    job_id = start(caller)
    fault.wait_hit()

    assert caller.patch(f"/jobs/ingest/{job_id}", {"state": "Aborted"}).json()["state"] == "Aborted"
    assert accounted(caller, job_id) == [0, 0, 6]


def test_a_reset_does_not_wait_for_a_stuck_job(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    fault = salesforce_org.fault("job_stuck")
    start(caller)
    fault.wait_hit()

    salesforce_org.as_new()

    assert salesforce_org.surface.jobs.all() == []


def test_a_realistic_org_lets_jobs_wait_in_the_queue(salesforce_org: EmulatedOrg, caller: Caller) -> None:
    clock = salesforce_org.clock
    job = caller.new_ingest()
    caller.put_csv(job["id"], SIX)
    clock.freeze()
    salesforce_org.surface.latency.profile = LAZY_QUEUE
    caller.patch(f"/jobs/ingest/{job['id']}", {"state": "UploadComplete"})
    wait_until(clock, lambda: clock.waiting == 1)
    assert caller.get(f"/jobs/ingest/{job['id']}").json()["state"] == "UploadComplete"

    clock.advance(60)

    assert caller.wait(job["id"]).state == "JobComplete"


def test_a_batch_is_written_in_chunks_of_200_rows_where_transactions_last(
    salesforce_org: EmulatedOrg, caller: Caller
) -> None:
    chunks: list[int] = []

    def note(rows: Mapping[str, int]) -> float:
        chunks.append(rows["Account"])
        return 0.0

    salesforce_org.surface.org.transactions.duration = note
    job = caller.run_ingest("Name\n" + "".join(f"{number}\n" for number in range(450)))

    assert chunks == [200, 200, 50]
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (450, 0)
