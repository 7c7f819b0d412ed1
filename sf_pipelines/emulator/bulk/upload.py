"""Takes in the content of an ingest job: one streamed PUT, straight to its file.

Belongs here: the upload and its refusals. Not here: processing (ingest_run.py). Imports jobs, job_store,
messages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from sf_pipelines.emulator.bulk.ingest_run import UPLOAD
from sf_pipelines.emulator.bulk.job_routes import find_job
from sf_pipelines.emulator.bulk.job_store import JobGoneError, JobStore
from sf_pipelines.emulator.bulk.jobs import Job
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import CSV_TYPE, ApiRequest, ApiResponse, require_media_type
from sf_pipelines.emulator.http.surface import Surface

# [D] section 5.4: 150 MB counted after base64, which makes 4 bytes out of 3.
MAX_UPLOAD_BYTES = 150_000_000 * 3 // 4


async def put_content(surface: Surface, request: ApiRequest, content: AsyncIterator[bytes]) -> ApiResponse:
    """`PUT /{id}/batches`: 201, empty."""
    job = find_job(surface, request, "ingest")
    require_media_type(request.headers, CSV_TYPE)
    announced = request.headers.get("content-length", "")
    _check_size(int(announced) if announced.isdigit() else 0)
    _check_ready(job)
    if not surface.jobs.begin_upload(job.id):
        raise _second_upload(job)
    try:
        await _receive(surface.jobs, job, content)
        surface.jobs.change(job.id, _check_ready, has_upload=True)
    except JobGoneError as error:
        raise not_found() from error
    finally:
        surface.jobs.end_upload(job.id)
    return ApiResponse(status=201)


def store_content(store: JobStore, job: Job, content: bytes) -> None:
    """Keep the small content of a multipart creation."""
    store.path(job.id, UPLOAD).write_bytes(content)


async def _receive(store: JobStore, job: Job, content: AsyncIterator[bytes]) -> None:
    draft = store.path(job.id, "upload.part")
    size = 0
    try:
        with draft.open("wb") as file:
            async for piece in content:
                size += len(piece)
                _check_size(size)
                file.write(piece)
        draft.replace(store.path(job.id, UPLOAD))
    finally:
        draft.unlink(missing_ok=True)


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_UPLOAD_BYTES:
        message = f"Maximum size of request reached. Maximum size of request is {MAX_UPLOAD_BYTES} bytes."
        raise SalesforceError("LIMIT_EXCEEDED", message)


def _check_ready(job: Job) -> None:
    if job.state != "Open":
        message = f"The job {job.id} is {job.state}: content is taken only while a job is Open"
        raise SalesforceError("INVALIDJOBSTATE", message)
    if job.has_upload:
        raise _second_upload(job)


def _second_upload(job: Job) -> SalesforceError:
    # [R] section 5.1, spelt as Salesforce spells it.
    message = (
        f"Found multipe contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job "
        "then create a new Job and make sure you only do 'PUT' once on a given Job."
    )
    return SalesforceError("INVALIDJOB", message)
