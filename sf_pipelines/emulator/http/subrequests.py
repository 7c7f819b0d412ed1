"""Reads and checks the subrequests of a composite request or of one graph.

Belongs here: the caps and rules of [D] section 3.4 and the refusals of a whole request. Not here: running
them. Imports errors, json_values, messages, router, versions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.call_options import CALL_OPTIONS
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.json_values import read_flag, read_object, read_objects
from sf_pipelines.emulator.http.messages import JSON_TYPE, ApiRequest, json_error
from sf_pipelines.emulator.http.router import Router
from sf_pipelines.emulator.http.versions import served_version

MAX_SUBREQUESTS = 25
MAX_QUERIES_AND_COLLECTIONS = 5
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# [D] RESTG: subrequests inherit these from the whole request, which is refused when one brings its own.
_BANNED_HEADERS = ("accept", "authorization", "content-type")
_REFERENCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*", re.ASCII)
# [R] support-service-lambdas#1512, since v54.
_BAD_REFERENCE_ID = (
    "Provided referenceId ('{}') must start with a letter or a number, and it can contain only letters, "
    "numbers and underscores ('_')."
)
_DATA_URL = re.compile(r"/services/data/(v[0-9.]+)/(.*)", re.ASCII | re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Subrequest:
    """One item of `compositeRequest`."""

    method: str
    url: str
    reference_id: str
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CompositePlan:
    """A composite request that is well-formed."""

    all_or_none: bool
    subrequests: tuple[Subrequest, ...]


def read_plan(router: Router, request: ApiRequest) -> CompositePlan:
    """Check the whole request. `collateSubrequests` is checked too, but changes no answer: it is about speed.

    Raises:
        SalesforceError: 400, nothing is run.
    """
    body = request.json_object()
    all_or_none = read_flag(body, "allOrNone")
    read_flag(body, "collateSubrequests", default=True)
    subrequests = read_subrequests(body)
    if len(subrequests) > MAX_SUBREQUESTS:
        message = f"The limit of {MAX_SUBREQUESTS} subrequests per composite request is exceeded"
        raise SalesforceError("LIMIT_EXCEEDED", message)
    _check_queries(router, request, subrequests)
    return CompositePlan(all_or_none=all_or_none, subrequests=subrequests)


def read_subrequests(body: Mapping[str, Any]) -> tuple[Subrequest, ...]:
    """The items of `compositeRequest`, each well-formed, with reference ids of their own.

    Raises:
        SalesforceError: 400.
    """
    items = read_objects(body, "compositeRequest")
    if not items:
        raise SalesforceError("REQUIRED_FIELD_MISSING", "At least 1 subrequest is required")
    subrequests = tuple(_read(item) for item in items)
    _check_reference_ids(subrequests)
    return subrequests


def as_request(request: ApiRequest, subrequest: Subrequest, url: str, body: Any) -> ApiRequest:
    """The subrequest as if it had come over the wire, with the caller's session.

    Raises:
        SalesforceError: 404 or 410 for a URL outside `/services/data/vXX.X/`.
    """
    found = _DATA_URL.fullmatch(url.partition("?")[0])
    if found is None:
        raise not_found()
    return inner_request(
        request,
        method=subrequest.method,
        version=found[1],
        path=found[2],
        query=url.partition("?")[2],
        headers=subrequest.headers,
        body=body,
    )


def inner_request(
    request: ApiRequest,
    *,
    method: str,
    version: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: Any,
) -> ApiRequest:
    """A request inside `request`: same caller, same client name, `path` below `/services/data/vXX.X/`.

    Raises:
        SalesforceError: 404 or 410 for a version (v62.0) that isn't served.
    """
    path = path.removesuffix("/")
    client = {name: value for name, value in request.headers.items() if name == CALL_OPTIONS}
    return ApiRequest(
        method=method,
        version=served_version(version),
        segments=tuple(unquote(part) for part in path.split("/")) if path else (),
        session=request.session,
        base_url=request.base_url,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={**client, **headers, "content-type": JSON_TYPE},
        payload=body,
    )


def _read(item: Mapping[str, Any]) -> Subrequest:
    missing = [name for name in ("method", "url", "referenceId") if not isinstance(item.get(name), str)]
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise SalesforceError("REQUIRED_FIELD_MISSING", message)
    if item["method"] not in _METHODS:
        raise json_error(f"Unknown HTTP method {item['method']} of subrequest {item['referenceId']}")
    return Subrequest(
        method=item["method"],
        url=item["url"],
        reference_id=item["referenceId"],
        body=item.get("body"),
        headers=_headers(item.get("httpHeaders")),
    )


def _headers(given: Any) -> dict[str, str]:
    headers = {} if given is None else read_object("httpHeaders", given)
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    for name in _BANNED_HEADERS:
        if name in lowered:
            raise SalesforceError("INVALID_INPUT", f"The header {name} isn't allowed in a subrequest")
    return lowered


def _check_reference_ids(subrequests: Sequence[Subrequest]) -> None:
    seen: set[str] = set()
    for subrequest in subrequests:
        if not _REFERENCE_ID.fullmatch(subrequest.reference_id):
            raise json_error(_BAD_REFERENCE_ID.format(subrequest.reference_id))
        if subrequest.reference_id in seen:
            message = f"Duplicate referenceId '{subrequest.reference_id}' in the request"
            raise SalesforceError("INVALID_INPUT", message)
        seen.add(subrequest.reference_id)


def _check_queries(router: Router, request: ApiRequest, subrequests: Sequence[Subrequest]) -> None:
    count = sum(_is_query_or_collection(router, request, one) for one in subrequests)
    if count > MAX_QUERIES_AND_COLLECTIONS:
        most = MAX_QUERIES_AND_COLLECTIONS
        message = f"A composite request can't have more than {most} query or sObject Collections subrequests"
        raise SalesforceError("LIMIT_EXCEEDED", message)


def _is_query_or_collection(router: Router, request: ApiRequest, subrequest: Subrequest) -> bool:
    try:
        match = router.match(as_request(request, subrequest, subrequest.url, None))
    except (SalesforceError, ValueError):
        return False
    return match.route.is_query_or_collection
