"""The outer ring of `/services/async/`: session header, quota, and errors in the caller's form.

Belongs here: what every call of the Bulk API (version 1) passes. Not here: its resources (routes.py). Imports
Starlette, routes, documents, and the wire of http.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sf_pipelines.emulator.bulk_v1.documents import error_document, wants_json
from sf_pipelines.emulator.bulk_v1.routes import ROUTES
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.body_stream import BodyStream
from sf_pipelines.emulator.http.envelope import unexpected_error
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.router import Router
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.http.versions import served_version
from sf_pipelines.emulator.http.wire import to_response
from sf_pipelines.emulator.limits import DAILY_API_REQUESTS

PREFIX = "/services/async/"
SESSION_HEADER = "x-sfdc-session"
_LOG = logging.getLogger(__name__)
_ROUTER = Router(ROUTES)


async def serve_async(surface: Surface, request: Request) -> Response:
    """Answer one call below `/services/async/`."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = BodyStream(request.receive)
    try:
        call = _call(surface, request, headers)
        call = call.with_body(await body.whole())
    except SalesforceError as error:
        await body.drain()
        return to_response(error_document(error, as_json="json" in headers.get("content-type", "")), headers)
    response = await run_in_threadpool(_answer, call, lambda: _run(surface, call))
    return to_response(response, headers, {"Sforce-Limit-Info": surface.limits.usage_header()})


def _run(surface: Surface, call: ApiRequest) -> ApiResponse:
    match = _ROUTER.match(call)
    return match.handler()(surface, match.request)


def _call(surface: Surface, request: Request, headers: dict[str, str]) -> ApiRequest:
    """The call, its session known and itself counted."""
    version, *segments = request.scope["path"].removeprefix(PREFIX).strip("/").split("/")
    try:
        served_version("v" + version)
    except SalesforceError as error:
        raise SalesforceError("InvalidVersion", f"Unsupported API version: {version}") from error
    session = surface.sessions.find(headers.get(SESSION_HEADER, "").strip())
    if not surface.limits.try_spend(DAILY_API_REQUESTS):
        raise SalesforceError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
    return ApiRequest(
        method=request.method,
        version=version,
        segments=tuple(segments),
        session=session,
        base_url="",
        headers=headers,
    )


def _answer(call: ApiRequest, work: Callable[[], ApiResponse]) -> ApiResponse:
    try:
        return work()
    except SalesforceError as error:
        return error_document(error, as_json=wants_json(call))
    except Exception:  # noqa: BLE001  the last line of defence of a server: logged, and told to the client
        _LOG.exception("The Bulk API failed at %s %s", call.method, "/".join(call.segments))
        return error_document(unexpected_error(), as_json=wants_json(call))
