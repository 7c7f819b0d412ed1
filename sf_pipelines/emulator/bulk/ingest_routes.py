"""`B/jobs/ingest`: create, upload, close, abort, info, list, results, delete (section 5.1).

Belongs here: the ingest resource. Not here: processing (ingest_run.py). Imports the parts of this folder,
surface.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from sf_pipelines.emulator.bulk.ingest_run import UPLOAD
from sf_pipelines.emulator.bulk.job_requests import read_ingest_job, read_state
from sf_pipelines.emulator.bulk.job_routes import abort_job, delete_job, find_job, job_info, job_list, new_job
from sf_pipelines.emulator.bulk.job_store import JobGoneError
from sf_pipelines.emulator.bulk.jobs import FINISHED, Job, created_body, summary_body
from sf_pipelines.emulator.bulk.multipart import MULTIPART_TYPE, read_multipart
from sf_pipelines.emulator.bulk.result_files import FAILED, SUCCESSFUL
from sf_pipelines.emulator.bulk.upload import put_content, store_content
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import (
    CSV_TYPE,
    ApiRequest,
    ApiResponse,
    FileSlice,
    json_error,
    parse_json,
)
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface

_DELETABLE = FINISHED | {"UploadComplete"}


def create(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST`: 200 with the job, Open; or UploadComplete when the content came along."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() == MULTIPART_TYPE:
        return _create_with_content(surface, request, content_type)
    facts = _facts(surface, request.json_object())
    job = new_job(surface, request, "ingest", {**facts, "state": "Open"})
    surface.jobs.add(job)
    return ApiResponse(json=created_body(job))


def set_state(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`PATCH /{id}`: close or abort."""
    job = find_job(surface, request, "ingest")
    state = read_state(request.json_object(), ("UploadComplete", "Aborted"))
    changed = abort_job(surface, job) if state == "Aborted" else _close(surface, job)
    return ApiResponse(json=summary_body(changed))


def delete(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`DELETE /{id}`."""
    return delete_job(surface, find_job(surface, request, "ingest"), _DELETABLE)


def results(surface: Surface, request: ApiRequest, file_name: str) -> ApiResponse:
    """`GET /{id}/successfulResults` and `/failedResults`."""
    job = _finished(surface, request)
    path = surface.jobs.path(job.id, file_name)
    # A job that ended before its header was read has no such file.
    parts = [FileSlice(path=path, end=job.result_bytes.get(file_name))] if path.exists() else []
    return ApiResponse(parts=parts, media_type=f"{CSV_TYPE};charset=UTF-8")


def unprocessed(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET /{id}/unprocessedrecords`: the header, then the part of the upload that was never processed."""
    job = _finished(surface, request)
    upload = surface.jobs.path(job.id, UPLOAD)
    parts: list[bytes | FileSlice] = []
    if job.has_upload:
        rest_from = max(job.bytes_read, job.header_bytes)
        left_out = [FileSlice(path=upload, start=start, end=end) for start, end in job.left_out]
        header, rest = FileSlice(path=upload, end=job.header_bytes), FileSlice(path=upload, start=rest_from)
        parts = [header, *left_out, rest]
    return ApiResponse(parts=parts, media_type=f"{CSV_TYPE};charset=UTF-8")


def _facts(surface: Surface, body: dict[str, Any]) -> dict[str, Any]:
    allowed = surface.workers.settings.hard_delete_allowed
    return read_ingest_job(surface.org.schema, body, hard_delete_allowed=allowed)


def _create_with_content(surface: Surface, request: ApiRequest, content_type: str) -> ApiResponse:
    job_json, content = read_multipart(content_type, request.body)
    body: Any = parse_json(job_json)
    if not isinstance(body, dict):
        raise json_error("Cannot deserialize instance of the job: an object is expected")
    facts = _facts(surface, body)
    job = new_job(surface, request, "ingest", {**facts, "state": "Open", "has_upload": True})
    store_content(surface.jobs, job, content)
    job = dataclasses.replace(job, state="UploadComplete")
    surface.jobs.add(job)
    surface.workers.submit(job)
    return ApiResponse(json=created_body(job))


def _close(surface: Surface, job: Job) -> Job:
    try:
        closed = surface.jobs.change(job.id, _check_open, state="UploadComplete")
    except JobGoneError as error:
        raise not_found() from error
    surface.workers.submit(closed)
    return closed


def _check_open(job: Job) -> None:
    if job.state != "Open":
        message = f"Closing already {'Completed' if job.is_finished else 'Closed'} Job not allowed"
        raise SalesforceError("INVALIDJOBSTATE", message)


def _finished(surface: Surface, request: ApiRequest) -> Job:
    job = find_job(surface, request, "ingest")
    if not job.is_finished:
        message = f"The results of job {job.id} can be read when it has ended; it is {job.state}"
        raise SalesforceError("INVALIDJOBSTATE", message)
    return job


ROUTES = (
    Route(pattern="jobs/ingest", methods={"POST": create, "GET": partial(job_list, kind="ingest")}),
    Route(
        pattern="jobs/ingest/{id}",
        methods={"GET": partial(job_info, kind="ingest"), "PATCH": set_state, "DELETE": delete},
    ),
    Route(pattern="jobs/ingest/{id}/batches", uploads={"PUT": put_content}),
    Route(
        pattern="jobs/ingest/{id}/~successfulResults", methods={"GET": partial(results, file_name=SUCCESSFUL)}
    ),
    Route(pattern="jobs/ingest/{id}/~failedResults", methods={"GET": partial(results, file_name=FAILED)}),
    Route(pattern="jobs/ingest/{id}/~unprocessedRecords", methods={"GET": unprocessed}),
)
