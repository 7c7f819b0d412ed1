"""Bulk API 2.0 ingest jobs over HTTP ([D] BULKG 5; salesforce-api.md 5): one method a step."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.bulk_jobs import CSV_FORMAT, read_job, read_jobs
from sf_pipelines.rails.errors import BulkJobStateError, UnknownOutcomeError
from sf_pipelines.rails.polling import Poller
from sf_pipelines.rails.ports import BulkIngestPort, BulkJob, JobState, ReadableBytes, ResultKind
from sf_pipelines.rails.streams import ResponseStream
from sf_pipelines.rails.transport import Transport

JOB_TYPE = "V2Ingest"
"""The list holds jobs of Bulk API 1.0 too, whose states are others [D BULKG 5.1]."""

_WRITES = (Operation.INSERT, Operation.UPDATE, Operation.UPSERT, Operation.DELETE)


class BulkIngest(BulkIngestPort):
    """Ingest jobs of one org.

    `create` and `upload` are never repeated blindly: where the answer is lost they raise
    UnknownOutcomeError. A job that was not closed has written nothing and can be aborted without danger.
    """

    def __init__(self, transport: Transport, poller: Poller) -> None:
        self._transport = transport
        self._poller = poller

    def create(self, sobject: str, operation: Operation, *, external_id_field: str | None = None) -> BulkJob:
        """Create an Open job; raises UnknownOutcomeError where one may exist now without our knowing."""
        if operation not in _WRITES:
            raise ValueError(f"An ingest job cannot do '{operation}': use insert, update, upsert or delete.")
        if (operation is Operation.UPSERT) != (external_id_field is not None):
            raise ValueError(f"An external id field belongs to upsert and only to it, not to '{operation}'.")
        payload = {"object": sobject, "operation": operation.value, **CSV_FORMAT}
        if external_id_field is not None:
            payload["externalIdFieldName"] = external_id_field
        return read_job(self._transport.send_json("POST", self._transport.data_path("jobs/ingest"), payload))

    def upload(self, job_id: str, body: Iterable[bytes]) -> None:
        """Send the job's CSV as it is made, in HTTP chunks of the blocks that `body` gives.

        A body that can be iterated again (not a bare generator) survives an expired session.
        Errors of `body` itself come out unchanged, and the org never sees the upload as complete.
        """
        self._transport.put_csv(self._path(job_id, "batches"), body)

    def close(self, job_id: str) -> BulkJob:
        """Say that the upload is complete; a job that was closed before is taken as it is."""
        return self._change_state(job_id, JobState.UPLOAD_COMPLETE)

    def abort(self, job_id: str) -> BulkJob:
        """Abort; raises BulkJobStateError where the job had ended by itself."""
        return self._change_state(job_id, JobState.ABORTED)

    def info(self, job_id: str) -> BulkJob:
        """State and counters."""
        return read_job(self._transport.get(self._path(job_id)))

    def jobs(self) -> Iterator[BulkJob]:
        """Every Bulk API 2.0 ingest job that the org still keeps, in no order ([D] BULKG: 7 days)."""
        path = self._transport.data_path("jobs/ingest")
        answer = self._transport.get(path, params={"jobType": JOB_TYPE})
        while True:
            jobs, next_path = read_jobs(answer)
            yield from jobs
            if next_path is None:
                return
            answer = self._transport.get(next_path)

    def wait(self, job_id: str, *, expected_seconds: float) -> BulkJob:
        """Poll until the job is terminal; a Failed or Aborted job is returned, not raised."""
        return self._poller.until_terminal(lambda: self.info(job_id), expected_seconds=expected_seconds)

    @contextmanager
    def results(self, job_id: str, kind: ResultKind) -> Generator[ReadableBytes]:
        """One result file, opened on entry; breaks with BrokenTransferError instead of ending early."""
        answer = self._transport.open_csv(self._path(job_id, kind.value))
        with ResponseStream(answer) as stream:
            yield stream

    def _change_state(self, job_id: str, wanted: JobState) -> BulkJob:
        def attempt() -> BulkJob:
            try:
                answer = self._transport.send_json("PATCH", self._path(job_id), {"state": wanted.value})
                return read_job(answer)
            except (UnknownOutcomeError, BulkJobStateError):
                job = self.info(job_id)
                if _has_reached(job.state, wanted):
                    return job
                raise

        return self._transport.retries.run(attempt, repeat_if=_was_lost)

    def _path(self, job_id: str, part: str | None = None) -> str:
        resource = f"jobs/ingest/{job_id}" + (f"/{part}" if part else "")
        return self._transport.data_path(resource)


def _was_lost(error: BaseException) -> bool:
    # The state was read again and is still the old one, so that asking a second time does no harm.
    return isinstance(error, UnknownOutcomeError)


def _has_reached(state: JobState, wanted: JobState) -> bool:
    if wanted is JobState.ABORTED:
        return state is JobState.ABORTED
    return state not in (JobState.OPEN, JobState.ABORTED)
