"""Writes an answer: JSON or streamed files, compressed where the client accepts it.

Belongs here: bytes and response headers. Not here: what the answer says. Imports Starlette and messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

import orjson
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse

from sf_pipelines.emulator.http.encodings import Encoding, accepted_encoding, packed, stream_packer
from sf_pipelines.emulator.http.messages import ApiResponse, FileSlice

# Below this size compression costs more than it saves.
PACK_FROM_BYTES = 1_000
_PIECE_BYTES = 1 << 18
_HEADER_SAFE = "".join(map(chr, range(0x20, 0x7F)))


def to_response(
    response: ApiResponse, request_headers: Mapping[str, str], extra: Mapping[str, str] | None = None
) -> Response:
    """The Starlette response of an answer to a call with those headers (names in lower case)."""
    headers = {name: quote(value, safe=_HEADER_SAFE) for name, value in response.headers.items()}
    headers.update(extra or {})
    encoding = accepted_encoding(request_headers.get("accept-encoding", ""))
    if response.parts is not None:
        return _streamed(response, headers, encoding)
    if response.json is None:
        return Response(status_code=response.status, headers=headers)
    pretty = orjson.OPT_INDENT_2 if request_headers.get("x-prettyprint") == "1" else None
    content = orjson.dumps(response.json, option=pretty)
    if encoding is not None and len(content) >= PACK_FROM_BYTES:
        content = packed(content, encoding)
        headers["Content-Encoding"] = encoding
    headers["Vary"] = "Accept-Encoding"
    return Response(content, status_code=response.status, headers=headers, media_type=response.media_type)


def _streamed(response: ApiResponse, headers: dict[str, str], encoding: Encoding | None) -> Response:
    parts = response.parts or ()
    pieces = _pieces(parts)
    if encoding is not None:
        headers["Content-Encoding"] = encoding
        pieces = _packed(pieces, encoding)
    else:
        headers["Content-Length"] = str(sum(map(_length, parts)))
    headers["Vary"] = "Accept-Encoding"
    return StreamingResponse(
        iterate_in_threadpool(pieces),
        status_code=response.status,
        headers=headers,
        media_type=response.media_type,
    )


def _length(part: bytes | FileSlice) -> int:
    if isinstance(part, bytes):
        return len(part)
    size = part.path.stat().st_size
    end = size if part.end is None else min(part.end, size)
    return max(0, end - part.start)


def _pieces(parts: Sequence[bytes | FileSlice]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        left = _length(part)
        with part.path.open("rb") as file:
            file.seek(part.start)
            while left > 0 and (piece := file.read(min(left, _PIECE_BYTES))):
                left -= len(piece)
                yield piece


def _packed(pieces: Iterator[bytes], encoding: Encoding) -> Iterator[bytes]:
    packer = stream_packer(encoding)
    for piece in pieces:
        content = packer.compress(piece)
        if content:
            yield content
    yield packer.flush()
