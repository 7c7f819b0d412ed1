"""What ingest and query jobs have in common on the wire: info, list, delete, abort.

Belongs here: the shared handlers. Not here: what differs (ingest_routes.py, query_routes.py). Imports jobs,
job_store, messages, surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from sf_pipelines.emulator.bulk.job_store import JobGoneError
from sf_pipelines.emulator.bulk.jobs import JOB_KEY_PREFIX, Job, JobKind, info_body, list_body
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.ids import is_well_formed, to_18

# [D] section 5.1.
LIST_PAGE_JOBS = 1000
_FILTERS = ("jobType", "concurrencyMode", "isPkChunkingEnabled")
_ABORT_WAIT_SECONDS = 30.0


def new_job(surface: Surface, request: ApiRequest, kind: JobKind, facts: dict[str, Any]) -> Job:
    """A job of the caller with those facts, not yet kept."""
    now_ms = surface.jobs.now_ms()
    return Job(
        id=surface.org.ids.next(JOB_KEY_PREFIX),
        kind=kind,
        created_by=request.session.user_id,
        created_ms=now_ms,
        modified_ms=now_ms,
        api_version=request.version,
        client=request.client_name,
        **facts,
    )


def find_job(surface: Surface, request: ApiRequest, kind: JobKind) -> Job:
    """The job that the path names by its 15- or 18-character id.

    Raises:
        SalesforceError: 404 NOT_FOUND.
    """
    id_ = request.params["id"]
    if not is_well_formed(id_):
        raise not_found()
    return surface.jobs.find(kind, to_18(id_))


def job_info(surface: Surface, request: ApiRequest, kind: JobKind) -> ApiResponse:
    """`GET /{id}`."""
    return ApiResponse(json=info_body(find_job(surface, request, kind), surface.jobs.now_ms()))


def job_list(surface: Surface, request: ApiRequest, kind: JobKind) -> ApiResponse:
    """`GET /`, at most 1,000 jobs a page; `queryLocator` is the id after which the page starts."""
    after = request.query.get("queryLocator", "")
    filters = {name: text for name in _FILTERS if (text := request.query.get(name))}
    bodies = [list_body(job) for job in surface.jobs.all(kind)] + surface.classic.list_records(kind)
    bodies = [body for body in sorted(bodies, key=_id_of) if body["id"] > after and _fits(body, filters)]
    page = bodies[:LIST_PAGE_JOBS]
    is_done = len(page) == len(bodies)
    parameters = urlencode({"queryLocator": page[-1]["id"], **filters}) if page else ""
    next_url = None if is_done else f"{request.data_url}/jobs/{kind}?{parameters}"
    return ApiResponse(json={"done": is_done, "records": page, "nextRecordsUrl": next_url})


def _id_of(body: Mapping[str, Any]) -> str:
    return body["id"]


def _fits(body: Mapping[str, Any], filters: Mapping[str, str]) -> bool:
    """Whether a job is one that the filters ask for; no job here is PK-chunked."""
    return (
        filters.get("jobType", body["jobType"]) == body["jobType"]
        and filters.get("concurrencyMode", body["concurrencyMode"]).lower() == body["concurrencyMode"].lower()
        and filters.get("isPkChunkingEnabled", "false").lower() != "true"
    )


def delete_job(surface: Surface, job: Job, deletable_states: frozenset[str]) -> ApiResponse:
    """`DELETE /{id}`: 204."""
    if job.state not in deletable_states:
        message = "Error encountered when deleting the job because the job is not terminated"
        raise SalesforceError("API_ERROR", message)
    surface.jobs.remove(job)
    return ApiResponse(status=204)


def abort_job(surface: Surface, job: Job) -> Job:
    """Abort; a running job ends after the batch in hand, and only then the call returns.

    Raises:
        SalesforceError: the job has already ended, or is gone.
    """
    try:
        return surface.jobs.change(job.id, _check_not_begun, state="Aborted")
    except JobGoneError as error:
        raise not_found() from error
    except _RunningError:
        surface.workers.abort(job.id)
    try:
        ended = surface.jobs.wait_until_finished(job.id, _ABORT_WAIT_SECONDS)
    except JobGoneError as error:
        raise not_found() from error
    if ended.state != "Aborted":
        raise _already_completed()
    return ended


class _RunningError(Exception):
    """The job is in the hands of a worker."""


def _check_not_begun(job: Job) -> None:
    if job.is_finished:
        raise _already_completed()
    if job.state == "InProgress":
        raise _RunningError(job.id)


def _already_completed() -> SalesforceError:
    return SalesforceError("INVALIDJOBSTATE", "Aborting already Completed Job not allowed")
