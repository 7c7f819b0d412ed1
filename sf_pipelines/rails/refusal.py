"""Answers that are not successes, turned into errors: one table of codes and statuses.

Pure: takes status and bytes, knows no HTTP library. Bodies may be Salesforce's array, an OAuth object,
HTML of a proxy, or nothing ([D R] salesforce-api.md 3.5), so nothing about them is taken for granted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

import orjson

from sf_pipelines.rails.errors import (
    AccessDeniedError,
    BulkJobNotFoundError,
    BulkJobStateError,
    BulkQueryRefusedError,
    ConcurrencyLimitError,
    Facts,
    FieldNotFoundError,
    ObjectNotFoundError,
    OrgUnavailableError,
    RefusedError,
    RequestLimitError,
    SalesforceError,
    SessionExpiredError,
    UnexpectedAnswerError,
    UnknownOutcomeError,
)

REFUSED_BEFORE_EFFECT = frozenset({420, 429})
"""Statuses of an org too busy to begin: also a write may be sent again [C]."""

REQUEST_TIMEOUT = 408

_NO_SUCH_COLUMN = re.compile(r"No such column '([^']+)' on (?:entity '([^']+)'|sobject of type (\w+))")
_NO_SUCH_TYPE = re.compile(r"sObject type '([^']+)' is not supported")
_DESCRIBE_PATH = re.compile(r"/sobjects/([^/]+)/describe$")
_BULK_CANNOT = re.compile(
    r"not supported|does not support|implementation restriction|compound data|not allowed in bulk",
    re.IGNORECASE,
)
_HTML_TITLE = re.compile(rb"<title[^>]*>([^<]{1,120})", re.IGNORECASE)

_PLAIN_CLASSES: Mapping[str, type[RefusedError]] = {
    "INVALIDSESSIONID": SessionExpiredError,
    "INVALIDAUTHHEADER": SessionExpiredError,
    "LIMITEXCEEDED": RequestLimitError,
    "EXCEEDEDQUOTA": RequestLimitError,
    "APIDISABLEDFORORG": AccessDeniedError,
    "APICURRENTLYDISABLED": AccessDeniedError,
    "INSUFFICIENTACCESS": AccessDeniedError,
    "INSUFFICIENTACCESSORREADONLY": AccessDeniedError,
    "INSUFFICIENTACCESSONCROSSREFERENCEENTITY": AccessDeniedError,
    "INVALIDJOBSTATE": BulkJobStateError,
}

_REFUSES_BULK_QUERY = frozenset({"APIERROR", "INVALIDENTITY", "FEATURENOTENABLED", "FUNCTIONALITYNOTENABLED"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """The first error of an answer's body, in Salesforce's words."""

    code: str
    message: str
    fields: tuple[str, ...] = ()


def refusal(*, status: int, body: bytes, is_write: bool, facts: Facts) -> SalesforceError:
    """The error that an answer without success stands for.

    Args:
        is_write: whether the request may have changed something, so that an answer which does not tell
            what was done leaves the outcome unknown.
        facts: method, path, ids of the request; status, code and fields are added here.
    """
    envelope = parse_envelope(body)
    facts = facts | Facts(status=status)
    if envelope is not None:
        facts = facts | Facts(error_code=envelope.code, fields=envelope.fields)
    early = _by_status(status, body, envelope, is_write=is_write, facts=facts)
    if early is not None:
        return early
    if envelope is None:
        return _without_envelope(status, body, facts)
    return _by_code(envelope, facts)


def parse_envelope(body: bytes) -> Envelope | None:
    """The first error of a body, None where it holds none in a shape that Salesforce documents."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return envelope_of(data)


def envelope_of(data: Any) -> Envelope | None:
    """The first error in parsed JSON: the array of the REST and Bulk APIs, or OAuth's object."""
    first: Any = data
    if isinstance(data, list):
        items = cast("list[Any]", data)
        first = items[0] if items else None
    if not isinstance(first, dict):
        return None
    item = cast("dict[str, Any]", first)
    code = item.get("errorCode") or item.get("statusCode") or item.get("error")
    if not isinstance(code, str):
        return None
    message = item.get("message") or item.get("error_description") or "no text given"
    return Envelope(code=code, message=str(message), fields=field_names(item.get("fields")))


def field_names(value: Any) -> tuple[str, ...]:
    """The `fields` member of an error, empty where it is absent or not a list."""
    return tuple(str(name) for name in cast("list[Any]", value)) if isinstance(value, list) else ()


def describe_body(body: bytes) -> str:
    """What an unreadable body is, without quoting it: it may come from anywhere."""
    if not body.strip():
        return "an empty body"
    title = _HTML_TITLE.search(body)
    if title is not None:
        return f"an HTML page titled '{title.group(1).decode('utf-8', 'replace').strip()}'"
    if body.lstrip()[:1] == b"<":
        return "an HTML or XML page"
    return f"{len(body)} bytes that are not an answer of Salesforce's API"


def _by_status(
    status: int, body: bytes, envelope: Envelope | None, *, is_write: bool, facts: Facts
) -> SalesforceError | None:
    text = f"{envelope.code}: {envelope.message}" if envelope else f"the answer is {describe_body(body)}"
    if status in REFUSED_BEFORE_EFFECT:
        return OrgUnavailableError(f"The org takes no more requests at this moment: {text}.", **facts)
    if status < 500 and status != REQUEST_TIMEOUT:
        return None
    if is_write:
        return UnknownOutcomeError(
            f"The org failed while it handled a write, which may or may not be done: {text}. "
            "Read what is there before sending it again.",
            **facts,
        )
    return OrgUnavailableError(f"The org cannot answer now: {text}.", **facts)


def _without_envelope(status: int, body: bytes, facts: Facts) -> SalesforceError:
    if status == 401:
        return SessionExpiredError("The org refused the session.", **facts | Facts(error_code="UNAUTHORIZED"))
    return UnexpectedAnswerError(
        f"The answer with status {status} is {describe_body(body)}: check that the URL is the org's own "
        "and that no proxy stands between.",
        **facts,
    )


def _by_code(envelope: Envelope, facts: Facts) -> SalesforceError:
    code = _folded(envelope.code)
    if facts.get("status") == 401:
        return SessionExpiredError(envelope.message, **facts)
    if code == "REQUESTLIMITEXCEEDED":
        concurrent = "concurrent" in envelope.message.casefold()
        return (ConcurrencyLimitError if concurrent else RequestLimitError)(envelope.message, **facts)
    if code in _PLAIN_CLASSES:
        return _PLAIN_CLASSES[code](envelope.message, **facts)
    return (
        _not_found(code, envelope, facts) or _bulk_refusal(code, envelope, facts) or _other(envelope, facts)
    )


def _not_found(code: str, envelope: Envelope, facts: Facts) -> SalesforceError | None:
    if code == "INVALIDFIELD" and (found := _NO_SUCH_COLUMN.search(envelope.message)):
        sobject = found.group(2) or found.group(3)
        return FieldNotFoundError(envelope.message, field=found.group(1), sobject=sobject, **facts)
    if code == "INVALIDTYPE":
        found = _NO_SUCH_TYPE.search(envelope.message)
        return ObjectNotFoundError(envelope.message, sobject=found.group(1) if found else None, **facts)
    if facts.get("status") != 404:
        return None
    if described := _DESCRIBE_PATH.search(facts.get("path", "")):
        return ObjectNotFoundError(envelope.message, sobject=unquote(described.group(1)), **facts)
    if facts.get("job_id"):
        return BulkJobNotFoundError(envelope.message, **facts)
    return None


def _bulk_refusal(code: str, envelope: Envelope, facts: Facts) -> SalesforceError | None:
    is_create = facts.get("method") == "POST"
    path = facts.get("path", "")
    if is_create and path.endswith("/jobs/query"):
        if code in _REFUSES_BULK_QUERY or _BULK_CANNOT.search(envelope.message):
            return BulkQueryRefusedError(envelope.message, **facts)
    elif is_create and path.endswith("/jobs/ingest") and code == "INVALIDENTITY":
        return ObjectNotFoundError(envelope.message, **facts)
    return None


def _other(envelope: Envelope, facts: Facts) -> SalesforceError:
    is_denied = facts.get("status") == 403 and _folded(envelope.code) != "TXNSECURITYMETERINGERROR"
    return (AccessDeniedError if is_denied else RefusedError)(envelope.message, **facts)


def _folded(code: str) -> str:
    # Bulk spells its codes run together and upper case, its guide in camel case, REST with underscores.
    return code.replace("_", "").upper()
