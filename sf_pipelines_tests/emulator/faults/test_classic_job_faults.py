"""Faults of jobs, on those of the Bulk API, version 1."""

from __future__ import annotations

from sf_pipelines.emulator.bulk_v1.jobs import ClassicBatch
from sf_pipelines.emulator.handle import EmulatedOrg
from sf_pipelines.emulator.latency.profile import LatencyProfile
from sf_pipelines_tests.emulator.surface.support import CSV, XML, AsyncCaller, Caller
from sf_pipelines_tests.emulator.waiting import wait_until

LAZY_QUEUE = LatencyProfile(name="lazy queue", bulk_queue_seconds=(60.0, 60.0))
TWO = "Name\na\nb\n"
ABORT = "<jobInfo><state>Aborted</state></jobInfo>"


def add(bulk: AsyncCaller, job_id: str) -> ClassicBatch:
    batch_id = bulk.id_of(bulk.call("POST", f"job/{job_id}/batch", TWO, **CSV))
    store = bulk.caller.surface.classic
    return store.find_batch(store.find(job_id), batch_id)


def ended(bulk: AsyncCaller, batch: ClassicBatch) -> str:
    assert bulk.caller.surface.classic.wait_until_ended(batch, 30.0)
    return batch.state


def test_rows_of_a_job_fail_with_a_code_counted_over_its_batches(
    salesforce_org: EmulatedOrg, bulk: AsyncCaller
) -> None:
    fault = salesforce_org.fault("job_rows_fail", object="Account", rows=3, code="UNABLE_TO_LOCK_ROW")
    job_id = bulk.new_job("insert", "CSV")
    batches = [add(bulk, job_id) for _ in range(2)]

    assert [ended(bulk, batch) for batch in batches] == ["Completed", "Completed"]
    assert sum(batch.records_failed for batch in batches) == 3
    assert "UNABLE_TO_LOCK_ROW:" in bulk.call("GET", f"job/{job_id}/batch/{batches[0].id}/result").text
    assert fault.hits == 1


def test_a_job_fails_after_a_batch_and_leaves_the_others_unprocessed(
    salesforce_org: EmulatedOrg, bulk: AsyncCaller
) -> None:
    salesforce_org.fault("job_fails", after_batches=1, message="InternalServerError : so it was told")
    stuck = salesforce_org.fault("job_stuck")
    job_id = bulk.new_job("insert", "CSV")
    batches = [add(bulk, job_id) for _ in range(3)]
    stuck.wait_hit()
    stuck.release()

    assert [ended(bulk, batch) for batch in batches] == ["Completed", "Failed", "NotProcessed"]
    assert batches[1].state_message == "InternalServerError : so it was told"
    assert bulk.info(f"job/{job_id}")["state"] == "Failed"
    assert len(salesforce_org.query("SELECT Id FROM Account")) == 2


def test_a_stuck_job_goes_on_when_it_is_released_and_holds_up_no_job_of_version_2(
    salesforce_org: EmulatedOrg, caller: Caller, bulk: AsyncCaller
) -> None:
    stuck = salesforce_org.fault("job_stuck", nth=1)
    batch = add(bulk, bulk.new_job("insert", "CSV"))
    stuck.wait_hit()
    other = caller.run_ingest(TWO)

    assert (batch.state, other["state"]) == ("InProgress", "JobComplete")
    stuck.release()
    assert ended(bulk, batch) == "Completed"


def test_a_stuck_job_can_be_aborted(salesforce_org: EmulatedOrg, bulk: AsyncCaller) -> None:
    stuck = salesforce_org.fault("job_stuck")
    job_id = bulk.new_job("insert", "CSV")
    batch = add(bulk, job_id)
    stuck.wait_hit()
    bulk.call("POST", f"job/{job_id}", ABORT, **XML)

    assert ended(bulk, batch) == "NotProcessed"
    assert salesforce_org.query("SELECT Id FROM Account") == []


def test_a_reset_does_not_wait_for_a_stuck_job(salesforce_org: EmulatedOrg, bulk: AsyncCaller) -> None:
    stuck = salesforce_org.fault("job_stuck")
    add(bulk, bulk.new_job("insert", "CSV"))
    stuck.wait_hit()

    salesforce_org.as_new()

    assert salesforce_org.surface.classic.all() == []


def test_a_realistic_org_lets_a_job_wait_in_the_queue_once(
    salesforce_org: EmulatedOrg, bulk: AsyncCaller
) -> None:
    clock = salesforce_org.clock
    clock.freeze()
    salesforce_org.surface.latency.profile = LAZY_QUEUE
    job_id = bulk.new_job("insert", "CSV")
    first = add(bulk, job_id)
    wait_until(clock, lambda: clock.waiting == 1)
    assert first.state == "Queued"

    clock.advance(60)

    assert [ended(bulk, first), ended(bulk, add(bulk, job_id))] == ["Completed", "Completed"]
