"""The outer ring of `/services/data/`: reads a call, checks session and quota, writes the answer.

Belongs here: headers, sizes, authentication, metering, compression. Not here: what a resource does (the
handlers). Imports Starlette, and everything that a call passes on its way to a handler.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sf_pipelines.emulator.auth.sessions import Session, invalid_session
from sf_pipelines.emulator.changes.origin import writing_as
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.answer import answer, answer_async
from sf_pipelines.emulator.http.body_stream import BodyStream
from sf_pipelines.emulator.http.envelope import error_response
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse, require_json_answer
from sf_pipelines.emulator.http.router import Match
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.http.versions import served_version, version_list
from sf_pipelines.emulator.http.wire import to_response
from sf_pipelines.emulator.limits import DAILY_API_REQUESTS
from sf_pipelines.emulator.long_requests import limit_exceeded

# [D] RESTG status list: 414 and 431 past 16,384 bytes.
MAX_URI_BYTES = 16_384
MAX_HEAD_BYTES = 16_384
# [D] RESTG: what a client that can only POST may ask for with `?_HttpMethod=`.
PRETENDED_METHODS = ("PATCH", "DELETE")
_DATA_PREFIX_SEGMENTS = 2


async def serve_data(surface: Surface, request: Request) -> Response:
    """Answer one call below `/services/data`."""
    body = BodyStream(request.receive)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers.raw}
    segments = _segments(request)
    if len(segments) == _DATA_PREFIX_SEGMENTS:
        # [D] no session, not metered.
        return to_response(_version_listing(request.method), headers)
    try:
        _check_head(request)
        session = _authenticate(surface, headers)
    except SalesforceError as error:
        await body.drain()
        return to_response(error_response([error]), headers)
    if not surface.limits.try_spend(DAILY_API_REQUESTS):
        await body.drain()
        return _metered(surface, error_response([limit_exceeded("TotalRequests")]), headers)
    call = _api_request(request, segments, headers, session)
    try:
        with surface.long_requests.running(), writing_as(call.origin("rest")):
            response = await _run(surface, body, call)
    except SalesforceError as error:
        await body.drain()
        response = error_response([error])
    return _metered(surface, response, headers)


def base_url(request: Request) -> str:
    """The address that the client called: scheme, host and port."""
    host = request.headers.get("host") or "{}:{}".format(*(request.scope.get("server") or ("127.0.0.1", 80)))
    # not request.url, which can't be read where the Host header is no host
    return f"{request.scope['scheme']}://{host}"


async def _run(surface: Surface, body: BodyStream, call: ApiRequest) -> ApiResponse:
    """Find the route, then hand over the body, whole or as a stream."""
    try:
        served_version("v" + call.version)
        require_json_answer(call.headers)
        match = surface.router.match(call)
        upload = match.route.uploads.get(call.method)
        if upload is not None:
            response = await answer_async(upload(surface, match.request, body.pieces()))
        else:
            response = await _run_whole(surface, body, match)
    except SalesforceError as error:
        response = error_response([error])
    if response.status >= 400:
        await body.drain()
    return response


async def _run_whole(surface: Surface, body: BodyStream, match: Match) -> ApiResponse:
    handler = match.handler()
    call = match.request.with_body(await body.whole())
    return await run_in_threadpool(answer, lambda: handler(surface, call))


def _segments(request: Request) -> tuple[str, ...]:
    """Decoded one by one, because a value in a path may hold an encoded slash."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    text = raw.decode("latin-1").strip("/")
    return tuple(unquote(part, errors="replace") for part in text.split("/"))


def _api_request(
    request: Request, segments: tuple[str, ...], headers: dict[str, str], session: Session
) -> ApiRequest:
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    method = request.method
    pretended = query.get("_HttpMethod", "").upper()
    if method == "POST" and pretended in PRETENDED_METHODS:
        method = pretended
    return ApiRequest(
        method=method,
        version=segments[2].removeprefix("v") if segments[2].startswith("v") else "",
        segments=segments[3:],
        session=session,
        base_url=base_url(request),
        query=query,
        headers=headers,
    )


def _check_head(request: Request) -> None:
    uri_bytes = len(request.scope.get("raw_path") or b"") + len(request.scope["query_string"]) + 1
    if uri_bytes > MAX_URI_BYTES:
        raise SalesforceError("URI_TOO_LONG", f"The URI is longer than {MAX_URI_BYTES} bytes", status=414)
    head_bytes = uri_bytes + sum(len(name) + len(value) + 4 for name, value in request.headers.raw)
    if head_bytes > MAX_HEAD_BYTES:
        message = f"The URI and the headers are longer than {MAX_HEAD_BYTES} bytes"
        raise SalesforceError("REQUEST_HEADER_FIELDS_TOO_LARGE", message, status=431)


def _authenticate(surface: Surface, headers: dict[str, str]) -> Session:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() not in ("bearer", "oauth"):
        raise invalid_session()
    return surface.sessions.find(token.strip())


def _version_listing(method: str) -> ApiResponse:
    if method in ("GET", "HEAD"):
        return ApiResponse(json=version_list())
    message = f"HTTP Method '{method}' not allowed. Allowed are HEAD,GET"
    return error_response([SalesforceError("METHOD_NOT_ALLOWED", message, status=405)])


def _metered(surface: Surface, response: ApiResponse, headers: dict[str, str]) -> Response:
    return to_response(response, headers, {"Sforce-Limit-Info": surface.limits.usage_header()})
