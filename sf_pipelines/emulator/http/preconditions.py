"""Conditional requests: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since.

HTTP 1.1 with Salesforce's exceptions ([D] RESTG conditional requests): a bad value on a write is a 400,
DELETE takes no conditions, and entity tags exist for Account rows only.
Belongs here: reading the headers and the verdict. Not here: reading rows (rows.py). Imports errors, messages,
router and surface types.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse

if TYPE_CHECKING:
    from sf_pipelines.emulator.http.router import Handler
    from sf_pipelines.emulator.http.surface import Surface

# [D] RESTG: the only object whose rows have entity tags.
TAGGED_OBJECT = "Account"
# [I] codes and texts: the documents name only the statuses.
_FAILED = "One of the preconditions in the request headers is not met"
_BAD_HEADER = "The value of the header {} is not valid: {}"
_DATE_FORMAT = "%a, %d %b %Y %H:%M:%S GMT"
_TAG_LIST = re.compile(r'\s*(?:W/)?"[^"]*"(?:\s*,\s*(?:W/)?"[^"]*")*\s*')
_TAG = re.compile(r'"([^"]*)"')
_ENCODING_MARK = re.compile(r"--?gzip$")
_CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """What a condition is compared with: one state of a resource."""

    modified_at: datetime
    tag: str | None = None
    """The entity tag without its quotes; None where the resource has none."""

    def headers(self) -> dict[str, str]:
        """The answer's `ETag`, if there is one."""
        return {} if self.tag is None else {"ETag": f'"{self.tag}"'}


def is_conditional(headers: Mapping[str, str]) -> bool:
    """True when a request has any condition."""
    return any(name in headers for name in _CONDITIONS)


def entity_tag(digest: bytes) -> str:
    """A hash of a record's content, in the form of Salesforce's own tags."""
    return base64.b64encode(digest).decode() + "--gzip"


def check_read(headers: Mapping[str, str], version: Version) -> ApiResponse | None:
    """304 for a caller who has this version already, None when the resource must be sent.

    A value that can't be read is no condition, as in HTTP.

    Raises:
        SalesforceError: 412, for If-Match and If-Unmodified-Since that don't hold.
    """
    conditions = _Conditions(headers, version, is_write=False)
    conditions.require()
    if not conditions.is_known():
        return None
    return ApiResponse(status=304, headers=version.headers())


def check_write(headers: Mapping[str, str], version: Version) -> None:
    """Let a write go on.

    Raises:
        SalesforceError: 412, a condition doesn't hold; 400, its value can't be read.
    """
    conditions = _Conditions(headers, version, is_write=True)
    conditions.require()
    if conditions.tags_match("if-none-match"):
        raise _failed()


def unless_unmodified(handler: Handler) -> Handler:
    """The handler of a describe, answered by 304 when the schema is as old as the caller's copy."""

    def conditional(surface: Surface, request: ApiRequest) -> ApiResponse:
        if is_conditional(request.headers):
            unchanged = check_read(request.headers, Version(modified_at=surface.org.schema_changed_at))
            if unchanged is not None:
                return unchanged
        return handler(surface, request)

    return conditional


class _Conditions:
    """The conditions of one request against one version."""

    def __init__(self, headers: Mapping[str, str], version: Version, *, is_write: bool) -> None:
        self._headers = headers
        self._version = version
        self._is_write = is_write

    def require(self) -> None:
        """If-Match and If-Unmodified-Since must hold."""
        until = self._date("if-unmodified-since")
        is_too_new = until is not None and self._version.modified_at.replace(microsecond=0) > until
        if self.tags_match("if-match") is False or is_too_new:
            raise _failed()

    def is_known(self) -> bool:
        """True when If-None-Match, or else If-Modified-Since, tells that the caller has this version."""
        has_tag = self.tags_match("if-none-match")
        if has_tag is not None:
            return has_tag
        since = self._date("if-modified-since")
        return since is not None and self._version.modified_at.replace(microsecond=0) <= since

    def tags_match(self, name: str) -> bool | None:
        """Whether one of the listed tags is the version's; None when there is no such condition."""
        text = self._headers.get(name)
        if text is None or self._version.tag is None:
            return None
        if text.strip() == "*":
            return True
        if not _TAG_LIST.fullmatch(text):
            return self._unreadable(name, text)
        wanted = _without_encoding(self._version.tag)
        return any(_without_encoding(tag) == wanted for tag in _TAG.findall(text))

    def _date(self, name: str) -> datetime | None:
        text = self._headers.get(name)
        if text is None:
            return None
        try:
            return datetime.strptime(text.strip(), _DATE_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            return self._unreadable(name, text)

    def _unreadable(self, name: str, text: str) -> None:
        if self._is_write:
            raise SalesforceError("INVALID_HEADER", _BAD_HEADER.format(name, text))


def _failed() -> SalesforceError:
    return SalesforceError("PRECONDITION_FAILED", _FAILED, status=412)


def _without_encoding(tag: str) -> str:
    return _ENCODING_MARK.sub("", tag)
