"""What passes between the HTTP shell and the handlers: a request, an answer, bytes streamed from a file.

Belongs here: the values and the reading of a JSON body. Not here: sockets (shell.py), routing (router.py).
Imports errors and sessions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import orjson

from sf_pipelines.emulator.auth.sessions import Session
from sf_pipelines.emulator.changes.origin import WriteOrigin
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.call_options import client_name
from sf_pipelines.emulator.http.encodings import ENCODINGS, unpacked
from sf_pipelines.emulator.http.json_text import NO_BODY, syntax_message
from sf_pipelines.emulator.json_types import cannot_deserialize
from sf_pipelines.emulator.results import DuplicateHeader

JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"
# [R] "Maximum size of request reached"; its status and code are unknown ([I] section 3.6).
MAX_BODY_BYTES = 52_428_800


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiRequest:
    """One call to `/services/data/vXX.X/...`, over the wire or inside a composite."""

    method: str
    version: str
    segments: tuple[str, ...]
    session: Session
    base_url: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names in lower case."""
    body: bytes = b""
    payload: Any = None
    """A JSON value that is already parsed (a composite's subrequest); `body` is then empty."""
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    """The named segments of the route."""

    @property
    def data_url(self) -> str:
        """`/services/data/v62.0`, without a closing slash."""
        return f"/services/data/v{self.version}"

    @property
    def version_number(self) -> float:
        """62.0 for version "62.0"."""
        return float(self.version)

    @property
    def duplicates(self) -> DuplicateHeader:
        """What the caller says about duplicates: `Sforce-Duplicate-Rule-Header: allowSave=true; ...`."""
        given = self.headers.get("sforce-duplicate-rule-header", "")
        words = {word.strip().lower().replace(" ", "") for word in given.replace(",", ";").split(";")}
        return DuplicateHeader(allow_save="allowsave=true" in words, data_url=self.data_url)

    @property
    def client_name(self) -> str | None:
        """The client that `Sforce-Call-Options` names; a change that it makes has it in its origin."""
        return client_name(self.headers)

    def origin(self, api: str) -> WriteOrigin:
        """Where the writes of this call come from, as change events tell it."""
        return WriteOrigin(
            api=api, version=self.version, user_id=self.session.user_id, client=self.client_name
        )

    def with_body(self, body: bytes) -> ApiRequest:
        """The same request, its body read."""
        return dataclasses.replace(self, body=body)

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            SalesforceError: 415 UNSUPPORTED_MEDIA_TYPE, or 400 JSON_PARSER_ERROR.
        """
        value = self.payload if self.payload is not None else self._parsed_body()
        if not isinstance(value, dict):
            raise json_error(cannot_deserialize("object", value))
        return value

    def _parsed_body(self) -> Any:
        require_media_type(self.headers, JSON_TYPE)
        return parse_json(decoded_body(self.headers, self.body))


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSlice:
    """Bytes `start` to `end` (exclusive) of a file; None is the end of the file."""

    path: Path
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiResponse:
    """An answer: at most one of `json` and `parts` is set; neither is an empty body."""

    status: int = 200
    json: Any = None
    parts: Sequence[bytes | FileSlice] | None = None
    media_type: str = f"{JSON_TYPE};charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def parse_json(body: bytes) -> Any:
    """The JSON value of a body.

    Raises:
        SalesforceError: JSON_PARSER_ERROR with line and column.
    """
    if not body:
        raise json_error(NO_BODY)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise json_error(syntax_message(error)) from error


def json_error(message: str) -> SalesforceError:
    """400 JSON_PARSER_ERROR."""
    return SalesforceError("JSON_PARSER_ERROR", message)


def require_media_type(headers: Mapping[str, str], expected: str) -> None:
    """Refuse a body whose Content-Type isn't `expected` in UTF-8 (415)."""
    header = Message()
    given = headers.get("content-type", "")
    header["Content-Type"] = given.encode("ascii", "replace").decode()
    charset = header.get_content_charset("utf-8")
    if not given or header.get_content_type() != expected or charset not in ("utf-8", "utf8", "us-ascii"):
        message = f"The content type '{given}' of the request is not supported: send {expected}"
        raise SalesforceError("UNSUPPORTED_MEDIA_TYPE", message, status=415)


def require_json_answer(headers: Mapping[str, str]) -> None:
    """Refuse a caller who takes XML only (406): this org answers in JSON, and Bulk results in CSV ([I])."""
    accepted = headers.get("accept", "").lower()
    if "/xml" in accepted and "json" not in accepted and "*/*" not in accepted:
        message = f"The org answers in {JSON_TYPE}, and the request accepts only '{accepted}'"
        raise SalesforceError("NOT_ACCEPTABLE", message, status=406)


def decoded_body(headers: Mapping[str, str], body: bytes) -> bytes:
    """The body after `Content-Encoding: gzip` or `deflate` ([D] RESTG: compressed request bodies).

    Raises:
        SalesforceError: the encoding is unknown, the bytes aren't what it says, or the content is too large.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return body
    if encoding not in ENCODINGS:
        message = f"The content encoding '{encoding}' is not supported: send gzip or deflate"
        raise SalesforceError("UNSUPPORTED_MEDIA_TYPE", message, status=415)
    try:
        content = unpacked(body, MAX_BODY_BYTES)
    except ValueError as error:
        raise json_error(f"The request body is not valid {encoding} data") from error
    if len(content) > MAX_BODY_BYTES:
        raise too_large()
    return content


def too_large() -> SalesforceError:
    """A body past 50 MB ([I] status and code, [R] text)."""
    message = f"Maximum size of request reached. Maximum size of request is {MAX_BODY_BYTES} bytes."
    return SalesforceError("REQUEST_TOO_LARGE", message, status=413)
