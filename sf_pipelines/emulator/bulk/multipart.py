"""Reads the multipart creation of an ingest job: its JSON and its CSV in one request.

Belongs here: the two parts of section 5.1. Not here: what the job does with them. Imports messages, errors.
"""

from __future__ import annotations

from email.message import Message

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import json_error

MULTIPART_TYPE = "multipart/form-data"
MAX_CONTENT_CHARS = 100_000


def read_multipart(content_type: str, body: bytes) -> tuple[bytes, bytes]:
    """The bytes of the parts `job` and `content`.

    Raises:
        SalesforceError: a part is missing or too large, or the body isn't multipart.
    """
    header = Message()
    header["Content-Type"] = content_type.encode("ascii", "replace").decode()
    boundary = header.get_boundary()
    if not boundary:
        raise json_error("The multipart request has no boundary")
    parts = _Parts()
    try:
        parser = MultipartParser(boundary.encode(), parts.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except MultipartParseError as error:
        raise json_error(f"The multipart request can't be read: {error}") from error
    missing = [name for name in ("job", "content") if name not in parts.found]
    if missing:
        raise SalesforceError("INVALIDJOB", f"The multipart request lacks the part {missing[0]}")
    content = bytes(parts.found["content"])
    if len(content.decode("utf-8", "replace")) > MAX_CONTENT_CHARS:
        raise SalesforceError("LIMIT_EXCEEDED", f"The content is longer than {MAX_CONTENT_CHARS} characters")
    return bytes(parts.found["job"]), content


class _Parts:
    """Collects the parts by name while the parser runs."""

    def __init__(self) -> None:
        self.found: dict[str, bytearray] = {}
        self._header_name, self._header_value = bytearray(), bytearray()
        self._body = bytearray()
        self._name = ""

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_part_data": lambda data, start, end: self._body.extend(data[start:end]),
            "on_part_end": self._end,
            "on_header_field": lambda data, start, end: self._header_name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header_value.extend(data[start:end]),
            "on_header_end": self._end_header,
        }

    def _begin(self) -> None:
        self._name, self._body = "", bytearray()

    def _end_header(self) -> None:
        if bytes(self._header_name).lower() == b"content-disposition":
            header = Message()
            header["Content-Disposition"] = self._header_value.decode("ascii", "replace")
            name = header.get_param("name", header="Content-Disposition")
            self._name = name if isinstance(name, str) else ""
        self._header_name, self._header_value = bytearray(), bytearray()

    def _end(self) -> None:
        self.found[self._name] = self._body
