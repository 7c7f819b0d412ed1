"""`/composite/batch`: up to 25 independent subrequests, one after the other, each a call of its own.

Belongs here: [D] section 3.4, batch. Not here: composites, whose subrequests know each other (composite.py).
Imports answer, envelope, json_values, messages, router, subrequests, surface.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.answer import answer
from sf_pipelines.emulator.http.envelope import error_response, not_found
from sf_pipelines.emulator.http.json_values import read_flag, read_objects
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse, json_error
from sf_pipelines.emulator.http.router import Match, Route
from sf_pipelines.emulator.http.subrequests import MAX_SUBREQUESTS, inner_request
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.limits import DAILY_API_REQUESTS
from sf_pipelines.emulator.long_requests import limit_exceeded

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FIRST_ERROR_STATUS = 400
# [D] RESTG shows `v62.0/...`; clients also send it with a leading slash, or whole.
_URL = re.compile(r"/?(?:services/data/)?(v[0-9.]+)/(.*)", re.ASCII | re.DOTALL)
# [D] code and status, [I] text.
_HALTED = SalesforceError(
    "BATCH_PROCESSING_HALTED",
    "Batch processing was halted because an earlier subrequest of the batch failed",
    status=412,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Subrequest:
    method: str
    url: str
    rich_input: Any


def composite_batch(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST B/composite/batch`: 200 with one result for each subrequest, in order."""
    body = request.json_object()
    halts = read_flag(body, "haltOnError")
    subrequests = _read(body)
    responses: list[ApiResponse] = []
    for number, subrequest in enumerate(subrequests):
        if halts and responses and _is_error(responses[-1]):
            responses.append(error_response([_HALTED]))
        elif number and not surface.limits.try_spend(DAILY_API_REQUESTS):
            # The first subrequest is the call that the shell has counted.
            responses.append(error_response([limit_exceeded("TotalRequests")]))
        else:
            responses.append(_run(surface, request, subrequest))
    results = [{"statusCode": response.status, "result": response.json} for response in responses]
    return ApiResponse(json={"hasErrors": any(map(_is_error, responses)), "results": results})


def _run(surface: Surface, request: ApiRequest, subrequest: _Subrequest) -> ApiResponse:
    def call() -> ApiResponse:
        path, _, query = subrequest.url.partition("?")
        found = _URL.fullmatch(path)
        if found is None:
            raise not_found()
        inner = inner_request(
            request,
            method=subrequest.method,
            version=found[1],
            path=found[2],
            query=query,
            headers={},
            body=subrequest.rich_input,
        )
        return surface.router.dispatch(surface, inner, check=_in_batch)

    return answer(call)


def _in_batch(match: Match) -> None:
    if not match.route.in_batch:
        message = f"The resource {match.route.pattern} can't be used in a batch request"
        raise SalesforceError("INVALID_INPUT", message)


def _read(body: Mapping[str, Any]) -> Sequence[_Subrequest]:
    items = read_objects(body, "batchRequests")
    if not items:
        raise SalesforceError("REQUIRED_FIELD_MISSING", "At least 1 subrequest is required")
    if len(items) > MAX_SUBREQUESTS:
        message = f"The limit of {MAX_SUBREQUESTS} subrequests per batch request is exceeded"
        raise SalesforceError("LIMIT_EXCEEDED", message)
    return [_read_one(item) for item in items]


def _read_one(item: Mapping[str, Any]) -> _Subrequest:
    method, url = item.get("method"), item.get("url")
    if not isinstance(method, str) or not isinstance(url, str):
        raise SalesforceError("REQUIRED_FIELD_MISSING", "Required fields are missing: [method, url]")
    if method.upper() not in _METHODS:
        raise json_error(f"Unknown HTTP method {method} of the subrequest {url}")
    return _Subrequest(method=method.upper(), url=url, rich_input=item.get("richInput"))


def _is_error(response: ApiResponse) -> bool:
    return response.status >= _FIRST_ERROR_STATUS


ROUTES = (Route(pattern="composite/batch", methods={"POST": composite_batch}),)
