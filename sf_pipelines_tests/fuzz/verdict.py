"""Judges an answer of the emulator: never a 5xx that nobody asked for, every refusal in Salesforce's shape.

Belongs here: the shapes, by path. Not here: sending.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sf_pipelines_tests.fuzz.wire import WireAnswer, WireRequest

_OAUTH = "/services/oauth2"
_PLAIN = ("/id/", "/services/oauth2/userinfo")
_TREE = "/composite/tree"
_INNER_STATUSES = ("httpStatusCode", "statusCode")


def complaint(request: WireRequest, answer: WireAnswer) -> str | None:
    """One sentence about what is wrong with the answer; None when it is as it should be."""
    if answer.status >= 500:
        return f"status {answer.status}: {answer.body[:300]!r}"
    if answer.status in (204, 304):
        return None if not answer.raw else f"status {answer.status} with a body"
    if not answer.headers.get("content-type", "").startswith("application/json"):
        if _is_identity_refusal(request.path, answer):
            return None
        return None if answer.status < 300 else f"status {answer.status} isn't JSON: {answer.body[:300]!r}"
    try:
        content = json.loads(answer.body)
    except ValueError:
        return f"the body isn't JSON: {answer.body[:300]!r}"
    if answer.status >= 400:
        return _refusal_complaint(request.path, content)
    inner = [status for status in _inner_statuses(content) if status >= 500]
    return f"a subrequest has status {inner[0]}: {content}" if inner else None


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
