"""`/services/async/NN.0/job...`: the resources of the Bulk API, version 1.

Belongs here: what each call does. Not here: session, quota and the form of errors (shell.py). Imports the
parts of this folder, surface.
"""

from __future__ import annotations

from sf_pipelines.emulator.bulk.jobs import JOB_KEY_PREFIX
from sf_pipelines.emulator.bulk_v1.documents import (
    JSON_TYPE,
    XML_TYPE,
    XML_TYPES,
    document,
    document_list,
    media_type,
    read_facts,
    result_list,
    wants_json,
)
from sf_pipelines.emulator.bulk_v1.jobs import (
    BATCH_KEY_PREFIX,
    ClassicBatch,
    ClassicJob,
    batch_info,
    job_info,
)
from sf_pipelines.emulator.bulk_v1.requests import read_job, read_job_state
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import (
    CSV_TYPE,
    ApiRequest,
    ApiResponse,
    FileSlice,
    decoded_body,
)
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.ids import is_well_formed, to_18
from sf_pipelines.emulator.limits import DAILY_BULK_BATCHES

# [R] text; [D] ten million characters a batch.
MAX_BATCH_CHARS = 10_000_000
_TOO_LARGE = f"Failed to read request. Exceeded max size limit of {MAX_BATCH_CHARS}"
_CONTENT_MEDIA = {"CSV": CSV_TYPE, "JSON": JSON_TYPE, "XML": XML_TYPE}
_ACCEPTED_MEDIA = {"CSV": (CSV_TYPE,), "JSON": (JSON_TYPE,), "XML": XML_TYPES}


def create_job(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST job`: 201 with the job, Open."""
    allowed = surface.workers.settings.hard_delete_allowed
    facts = read_job(surface.org.schema, read_facts(request, "jobInfo"), hard_delete_allowed=allowed)
    now_ms = surface.classic.now_ms()
    job = ClassicJob(
        id=surface.org.ids.next(JOB_KEY_PREFIX),
        created_by=request.session.user_id,
        created_ms=now_ms,
        modified_ms=now_ms,
        api_version=request.version,
        client=request.client_name,
        **facts,
    )
    if "sforce-enable-pkchunking" in request.headers and job.is_query:
        raise SalesforceError("FeatureNotEnabled", "PK chunking is not enabled in this org")
    surface.classic.add(job)
    return document("jobInfo", job_info(job), as_json=wants_json(request), status=201)


def show_job(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET job/{id}`."""
    job = _job(surface, request)
    return document("jobInfo", job_info(job), as_json=wants_json(request, job.content_type))


def set_job_state(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST job/{id}`: close or abort."""
    job = _job(surface, request)
    state = read_job_state(read_facts(request, "jobInfo"))

    def check() -> None:
        if job.state in ("Aborted", "Failed") or (job.state == "Closed" and state == "Closed"):
            raise SalesforceError("InvalidJobState", f"The job {job.id} is already {job.state}")

    surface.classic.set_state(job, "Closed" if state == "Closed" else "Aborted", check)
    return document("jobInfo", job_info(job), as_json=wants_json(request, job.content_type))


def add_batch(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST job/{id}/batch`: 201 with the batch, Queued."""
    job = _job(surface, request)
    if job.state != "Open":
        raise SalesforceError("InvalidJobState", f"The job {job.id} is {job.state}: it takes no more batches")
    content = _content(job, request)
    if not surface.limits.try_spend(DAILY_BULK_BATCHES):
        raise SalesforceError("ExceededQuota", "ApiBatchItems Limit exceeded.")
    now_ms = surface.classic.now_ms()
    id_ = surface.org.ids.next(BATCH_KEY_PREFIX)
    batch = ClassicBatch(id=id_, job_id=job.id, created_ms=now_ms, modified_ms=now_ms)
    answer = document("batchInfo", batch_info(batch), as_json=wants_json(request), status=201)
    surface.classic.queue(job, batch, content)
    surface.classic_runner.wake(job)
    return answer


def list_batches(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET job/{id}/batch`."""
    job = _job(surface, request)
    infos = [batch_info(batch) for batch in job.batches]
    as_json = wants_json(request, job.content_type)
    return document_list("batchInfoList", "batchInfo", infos, as_json=as_json)


def show_batch(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET job/{id}/batch/{batch}`."""
    job, batch = _batch(surface, request)
    return document("batchInfo", batch_info(batch), as_json=wants_json(request, job.content_type))


def batch_request(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET job/{id}/batch/{batch}/request`: the content as it was sent."""
    job, batch = _batch(surface, request)
    return _file(surface, job, batch, "request")


def batch_result(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET job/{id}/batch/{batch}/result`: the outcomes, or the ids of a query's results."""
    job, batch = _batch(surface, request)
    if not surface.classic.path(batch, "result").exists() or batch.state not in ("Completed", "Failed"):
        raise SalesforceError("InvalidBatch", f"Batch not completed: {batch.id} is {batch.state}")
    if job.is_query:
        return result_list([batch.result_id or ""], as_json=wants_json(request, job.content_type))
    return _file(surface, job, batch, "result")


def query_result(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET job/{id}/batch/{batch}/result/{result}`: the rows of a query."""
    job, batch = _batch(surface, request)
    if batch.result_id is None or batch.result_id != _id(request, "result"):
        raise SalesforceError("InvalidBatch", f"Unable to find result with id: {request.params['result']}")
    return _file(surface, job, batch, "result")


def _file(surface: Surface, job: ClassicJob, batch: ClassicBatch, name: str) -> ApiResponse:
    path = surface.classic.path(batch, "request" if name == "request" else "result")
    media = f"{_CONTENT_MEDIA[job.content_type]};charset=UTF-8"
    return ApiResponse(parts=[FileSlice(path=path)], media_type=media)


def _content(job: ClassicJob, request: ApiRequest) -> bytes:
    sent = media_type(request.headers)
    if sent not in _ACCEPTED_MEDIA[job.content_type]:
        message = f"The content type '{sent}' doesn't fit the job's contentType {job.content_type}"
        raise SalesforceError("ClientInputError", message)
    content = decoded_body(request.headers, request.body)
    if len(content) > MAX_BATCH_CHARS and len(content.decode(errors="replace")) > MAX_BATCH_CHARS:
        raise SalesforceError("ClientInputError", _TOO_LARGE)
    return content


def _job(surface: Surface, request: ApiRequest) -> ClassicJob:
    return surface.classic.find(_id(request, "id"))


def _batch(surface: Surface, request: ApiRequest) -> tuple[ClassicJob, ClassicBatch]:
    job = _job(surface, request)
    return job, surface.classic.find_batch(job, _id(request, "batch"))


def _id(request: ApiRequest, name: str) -> str:
    text = request.params[name]
    if not is_well_formed(text):
        raise not_found()
    return to_18(text)


ROUTES = (
    Route(pattern="job", methods={"POST": create_job}),
    Route(pattern="job/{id}", methods={"GET": show_job, "POST": set_job_state}),
    Route(pattern="job/{id}/batch", methods={"GET": list_batches, "POST": add_batch}),
    Route(pattern="job/{id}/batch/{batch}", methods={"GET": show_batch}),
    Route(pattern="job/{id}/batch/{batch}/request", methods={"GET": batch_request}),
    Route(pattern="job/{id}/batch/{batch}/result", methods={"GET": batch_result}),
    Route(pattern="job/{id}/batch/{batch}/result/{result}", methods={"GET": query_result}),
)
