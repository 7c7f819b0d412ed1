"""The answers that faults give in place of the org's.

Belongs here: bodies and statuses. Not here: sending them. Imports dialects, errors, sessions, exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.datastructures import MutableHeaders
from starlette.types import Scope

from sf_pipelines.emulator.auth.sessions import invalid_session
from sf_pipelines.emulator.dialects import refusal
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.faults.exchange import Answer
from sf_pipelines.emulator.long_requests import limit_exceeded

# [D] section 3.5; 420 and 429 have no documented text ([I]).
_SALESFORCE_ERRORS: Mapping[int, tuple[str, str]] = {
    420: ("REQUEST_LIMIT_EXCEEDED", "The request was throttled"),
    429: ("REQUEST_LIMIT_EXCEEDED", "Too many requests"),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId: 1905-fault"),
    502: ("BAD_GATEWAY", "Bad gateway"),
    503: ("SERVER_UNAVAILABLE", "The server is unable to handle the request"),
}
_HTML = (
    "<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n"
    "<body><h1>{title}</h1><p>We are down for maintenance. Sorry for the inconvenience.</p></body></html>\n"
)


def answer_in_place(kind: str, options: Mapping[str, Any], scope: Scope) -> Answer | None:
    """The answer of a fault that answers by itself, to the call of that scope; None for the other kinds."""
    make = _MAKERS.get(kind)
    made = make(options) if make is not None else None
    if not isinstance(made, SalesforceError):
        return made
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    told = refusal(scope["path"], headers, made)
    # a status that a test asked for is no matter of the surface
    return _answer(options.get("status", told.status), told.media_type, told.body)


def _status(options: Mapping[str, Any]) -> Answer | SalesforceError:
    status = options["status"]
    if options["html"]:
        return _html(options)
    code, message = _SALESFORCE_ERRORS.get(status, ("UNKNOWN_EXCEPTION", "An injected fault"))
    return SalesforceError(options["code"] or code, options["message"] or message, status=status)


def _html(options: Mapping[str, Any]) -> Answer:
    page = _HTML.format(title="Salesforce" if options["status"] == 200 else f"Error {options['status']}")
    return _answer(options["status"], "text/html;charset=UTF-8", page.encode())


def _json(options: Mapping[str, Any]) -> Answer:
    return _answer(200, "application/json;charset=UTF-8", orjson.dumps(options["body"]))


def _session_expired(options: Mapping[str, Any]) -> SalesforceError:
    return invalid_session()


def _quota(options: Mapping[str, Any]) -> SalesforceError:
    return limit_exceeded(options["limit"])


def _answer(status: int, media_type: str, body: bytes) -> Answer:
    return Answer(status=status, headers=MutableHeaders({"content-type": media_type}), body=body)


_MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Answer | SalesforceError]] = {
    "status": _status,
    "html": _html,
    "json": _json,
    "session_expired": _session_expired,
    "quota": _quota,
}
