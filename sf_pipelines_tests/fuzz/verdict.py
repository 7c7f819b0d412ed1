"""Judges an answer of the emulator: no failure that nobody asked for, every refusal in its surface's shape.

Belongs here: which shape belongs to which path, and the shapes of JSON. Not here: those of XML
(xml_verdict.py), sending.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sf_pipelines_tests.fuzz.wire import WireAnswer, WireRequest
from sf_pipelines_tests.fuzz.xml_verdict import async_complaint, soap_complaint

_OAUTH = "/services/oauth2"
_PLAIN = ("/id/", "/services/oauth2/userinfo")
_TREE = "/composite/tree"
_INNER_STATUSES = ("httpStatusCode", "statusCode")
_NDJSON = "application/x-ndjson"
# A SOAP fault is a 500 by itself: this code tells the one of an emulator that failed.
_SOAP_FAILURE = b"<faultcode>UNKNOWN_EXCEPTION</faultcode>"


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """What is wrong with an answer."""

    text: str
    is_failure: bool
    """True for a 5xx that nobody asked for; False for a wrong shape."""


def complaint(request: WireRequest, answer: WireAnswer) -> Complaint | None:
    """What is wrong with the answer; None when it is as it should be."""
    is_soap = request.path.startswith("/services/Soap/")
    if _SOAP_FAILURE in answer.body if is_soap else answer.status >= 500:
        return Complaint(text=f"status {answer.status}: {answer.body[:300]!r}", is_failure=True)
    if is_soap:
        text = soap_complaint(answer)
    elif request.path.startswith("/services/async/"):
        text = async_complaint(request.path, answer)
    else:
        text = _json_complaint(request.path, answer)
    return None if text is None else Complaint(text=text, is_failure=False)


def _json_complaint(path: str, answer: WireAnswer) -> str | None:
    if answer.status in (204, 304):
        return None if not answer.raw else f"status {answer.status} with a body"
    media_type = answer.headers.get("content-type", "")
    if not media_type.startswith(("application/json", _NDJSON)):
        if _is_identity_refusal(path, answer):
            return None
        return None if answer.status < 400 else f"status {answer.status} isn't JSON: {answer.body[:300]!r}"
    lines = answer.body.splitlines() if media_type.startswith(_NDJSON) else [answer.body]
    try:
        contents = [json.loads(line) for line in lines]
    except ValueError:
        return f"the body isn't JSON: {answer.body[:300]!r}"
    if answer.status >= 400:
        return _refusal_complaint(path, contents[0])
    inner = [status for status in _inner_statuses(contents) if status >= 500]
    return f"a subrequest has status {inner[0]}: {contents}" if inner else None


def _is_identity_refusal(path: str, answer: WireAnswer) -> bool:
    """The identity URL and userinfo refuse in one plain word, such as `Wrong_Org`."""
    return (
        path.startswith(_PLAIN)
        and answer.status in (403, 404)
        and answer.body.isascii()
        and len(answer.body.split()) == 1
    )


def _refusal_complaint(path: str, content: Any) -> str | None:
    if _is_envelope(content):
        return None
    if path.startswith(_OAUTH) and isinstance(content, dict) and isinstance(content.get("error"), str):
        return None
    if _TREE in path and _is_refused_tree(content):
        return None
    return f"the refusal isn't in Salesforce's shape: {content}"


def _is_envelope(content: Any) -> bool:
    return isinstance(content, list) and bool(content) and all(map(_is_error, content))


def _is_error(item: Any) -> bool:
    if not isinstance(item, dict) or not {"message", "errorCode"} <= item.keys():
        return False
    fields = item.get("fields", [])
    texts = [item["message"], item["errorCode"], *(fields if isinstance(fields, list) else [None])]
    return all(isinstance(text, str) for text in texts)


def _is_refused_tree(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.get("hasErrors") is True
        and all(item["referenceId"] and item["errors"] for item in content["results"])
    )


def _inner_statuses(content: Any) -> Iterator[int]:
    """The statuses of subrequests, at any depth."""
    if isinstance(content, dict):
        for name, value in content.items():
            if name in _INNER_STATUSES and isinstance(value, int):
                yield value
            yield from _inner_statuses(value)
    elif isinstance(content, list):
        for item in content:
            yield from _inner_statuses(item)
