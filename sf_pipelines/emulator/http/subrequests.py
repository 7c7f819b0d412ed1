"""Reads and checks the body of a composite request.

Belongs here: the caps and rules of [D] section 3.4 and the refusals of a whole request. Not here: running it.
Imports errors, messages, router, versions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import JSON_TYPE, ApiRequest, json_error
from sf_pipelines.emulator.http.router import Router
from sf_pipelines.emulator.http.versions import served_version

MAX_SUBREQUESTS = 25
MAX_QUERIES_AND_COLLECTIONS = 5
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_BANNED_HEADERS = ("accept", "authorization", "content-type")
_REFERENCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*", re.ASCII)
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
    """Check the whole request.

    Raises:
        SalesforceError: 400, with nothing run.
    """
    body = request.json_object()
    flags = [body.get("allOrNone", False), body.get("collateSubrequests", True)]
    if not all(isinstance(flag, bool) for flag in flags):
        raise json_error("Cannot deserialize instance of boolean for allOrNone or collateSubrequests")
    items = body.get("compositeRequest")
    if not isinstance(items, list) or not items:
        raise SalesforceError("REQUIRED_FIELD_MISSING", "Required fields are missing: [compositeRequest]")
    if len(items) > MAX_SUBREQUESTS:
        message = f"A composite request can't have more than {MAX_SUBREQUESTS} subrequests"
        raise SalesforceError("LIMIT_EXCEEDED", message)
    subrequests = tuple(_read(item) for item in items)
    _check_reference_ids(subrequests)
    _check_queries(router, request, subrequests)
    return CompositePlan(all_or_none=flags[0], subrequests=subrequests)


def as_request(request: ApiRequest, subrequest: Subrequest, url: str, body: Any) -> ApiRequest:
    """The subrequest as if it had come over the wire, with the caller's session.

    Raises:
        SalesforceError: 404 or 410 for a URL outside `/services/data/vXX.X/`.
    """
    whole_path, _, query = url.partition("?")
    found = _DATA_URL.fullmatch(whole_path)
    if found is None:
        raise not_found()
    path = found[2].removesuffix("/")
    return ApiRequest(
        method=subrequest.method,
        version=served_version(found[1]),
        segments=tuple(unquote(part) for part in path.split("/")) if path else (),
        session=request.session,
        base_url=request.base_url,
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={**subrequest.headers, "content-type": JSON_TYPE},
        payload=body,
    )


def _read(item: Any) -> Subrequest:
    if not isinstance(item, dict):
        raise json_error("Cannot deserialize instance of compositeRequest: a list of objects is expected")
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
    headers = {} if given is None else given
    if not isinstance(headers, dict):
        raise json_error("Cannot deserialize instance of httpHeaders: an object is expected")
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    for name in _BANNED_HEADERS:
        if name in lowered:
            raise SalesforceError("INVALID_INPUT", f"The header {name} isn't allowed in a subrequest")
    return lowered


def _check_reference_ids(subrequests: Sequence[Subrequest]) -> None:
    seen: set[str] = set()
    for subrequest in subrequests:
        if not _REFERENCE_ID.fullmatch(subrequest.reference_id):
            message = f"Invalid referenceId {subrequest.reference_id}: use letters, digits and underscores"
            raise SalesforceError("INVALID_INPUT", message)
        if subrequest.reference_id in seen:
            raise SalesforceError("INVALID_INPUT", f"Duplicate referenceId {subrequest.reference_id}")
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
