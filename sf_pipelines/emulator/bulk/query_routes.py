"""`B/jobs/query`: create, info, list, abort, delete, results, resultPages (section 6).

Belongs here: the query resource and its locators. Not here: running the query (query_run.py). Imports the
parts of this folder, limits, surface.
"""

from __future__ import annotations

import base64
import binascii
from functools import partial

from sf_pipelines.emulator.bulk.job_requests import read_query_job, read_state
from sf_pipelines.emulator.bulk.job_routes import abort_job, delete_job, find_job, job_info, job_list, new_job
from sf_pipelines.emulator.bulk.jobs import FINISHED, Job, created_body, summary_body
from sf_pipelines.emulator.bulk.query_run import HEADER, INDEX, ROWS
from sf_pipelines.emulator.bulk.row_spool import rows_slice
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import CSV_TYPE, ApiRequest, ApiResponse, FileSlice
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.limits import DAILY_QUERY_JOBS

# [I] the org chooses the size of a page when the caller doesn't.
DEFAULT_PAGE_ROWS = 50_000
# [D] at most five addresses a call.
PAGES_PER_CALL = 5
_NO_MORE = "null"


def create(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST`: 200 with the job, UploadComplete."""
    facts = read_query_job(request.json_object())
    query = surface.org.query(facts["soql"], include_deleted=facts["operation"] == "queryAll", bulk=True)
    if not surface.limits.try_spend(DAILY_QUERY_JOBS):
        most = surface.limits.maximum(DAILY_QUERY_JOBS)
        message = f"Max bulk v2 query jobs ({most}) per 24 hrs has been reached for the org"
        raise SalesforceError("LIMIT_EXCEEDED", message)
    job = new_job(surface, request, "query", {**facts, "sobject": query.sobject, "state": "UploadComplete"})
    surface.jobs.add(job)
    surface.workers.submit(job)
    return ApiResponse(json=created_body(job))


def set_state(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`PATCH /{id}`: abort."""
    job = find_job(surface, request, "query")
    read_state(request.json_object(), ("Aborted",))
    return ApiResponse(json=summary_body(abort_job(surface, job)))


def delete(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`DELETE /{id}`."""
    return delete_job(surface, find_job(surface, request, "query"), FINISHED)


def results(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET /{id}/results?maxRecords=&locator=`: one page, its header row first."""
    job = _complete(surface, request)
    first = _offset(job, request.query.get("locator"))
    count = min(_max_records(request), job.records_processed - first)
    after = first + count
    headers = {
        "Sforce-Locator": _locator(after) if after < job.records_processed else _NO_MORE,
        "Sforce-NumberOfRecords": str(count),
    }
    page = rows_slice(surface.jobs.path(job.id, ROWS), surface.jobs.path(job.id, INDEX), first, count)
    header_row = FileSlice(path=surface.jobs.path(job.id, HEADER))
    return ApiResponse(parts=[header_row, page], media_type=f"{CSV_TYPE};charset=UTF-8", headers=headers)


def result_pages(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET /{id}/resultPages`: the addresses of the next pages, for parallel reading."""
    job = _complete(surface, request)
    first = _offset(job, request.query.get("locator"))
    starts = range(first, max(job.records_processed, 1), DEFAULT_PAGE_ROWS)
    base = f"{request.data_url}/jobs/query/{job.id}"
    pages = [{"resultUrl": f"{base}/results?locator={_locator(start)}"} for start in starts[:PAGES_PER_CALL]]
    is_done = len(starts) <= PAGES_PER_CALL
    next_url = None if is_done else f"{base}/resultpages?locator={_locator(starts[PAGES_PER_CALL])}"
    return ApiResponse(json={"resultPages": pages, "nextRecordsUrl": next_url, "done": is_done})


def _complete(surface: Surface, request: ApiRequest) -> Job:
    job = find_job(surface, request, "query")
    if job.api_version != request.version:
        message = (
            f"Job {job.id} was created with API version {job.api_version}: read its results with that version"
        )
        raise SalesforceError("API_ERROR", message, status=409)
    if job.state != "JobComplete":
        message = f"The results of job {job.id} can be read when it is JobComplete; it is {job.state}"
        raise SalesforceError("INVALIDJOBSTATE", message)
    return job


def _max_records(request: ApiRequest) -> int:
    text = request.query.get("maxRecords")
    if text is None:
        return DEFAULT_PAGE_ROWS
    if not (text.isascii() and text.isdigit()) or len(text) > 12 or int(text) == 0:
        raise SalesforceError("API_ERROR", f"maxRecords must be a positive number, not '{text}'")
    return int(text)


def _locator(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode().rstrip("=")


def _offset(job: Job, locator: str | None) -> int:
    if not locator:
        return 0
    try:
        text = base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    is_number = text.isascii() and text.isdigit() and len(text) <= 12
    if not is_number or int(text) >= max(job.records_processed, 1) or _locator(int(text)) != locator:
        raise SalesforceError("API_ERROR", f"The locator {locator} is not one of this job's")
    return int(text)


ROUTES = (
    Route(pattern="jobs/query", methods={"POST": create, "GET": partial(job_list, kind="query")}),
    Route(
        pattern="jobs/query/{id}",
        methods={"GET": partial(job_info, kind="query"), "PATCH": set_state, "DELETE": delete},
    ),
    Route(pattern="jobs/query/{id}/results", methods={"GET": results}),
    Route(pattern="jobs/query/{id}/~resultPages", methods={"GET": result_pages}),
)
