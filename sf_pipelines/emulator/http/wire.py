"""Writes an answer: JSON or streamed files, compressed where the client accepts it.

Belongs here: bytes and response headers. Not here: what the answer says. Imports Starlette and messages.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

import orjson
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse

from sf_pipelines.emulator.http.messages import ApiResponse, FileSlice

# Below this size compression costs more than it saves.
GZIP_FROM_BYTES = 1_000
# Fast rather than small: the client is on the same machine.
_GZIP_LEVEL = 1
_PIECE_BYTES = 1 << 18
_HEADER_SAFE = "".join(map(chr, range(0x20, 0x7F)))


def to_response(
    response: ApiResponse, request_headers: Mapping[str, str], extra: Mapping[str, str] | None = None
) -> Response:
    """The Starlette response of an answer to a call with those headers (names in lower case)."""
    headers = {name: quote(value, safe=_HEADER_SAFE) for name, value in response.headers.items()}
    headers.update(extra or {})
    accepts_gzip = "gzip" in request_headers.get("accept-encoding", "").lower()
    if response.parts is not None:
        return _streamed(response, headers, accepts_gzip=accepts_gzip)
    if response.json is None:
        return Response(status_code=response.status, headers=headers)
    pretty = orjson.OPT_INDENT_2 if request_headers.get("x-prettyprint") == "1" else None
    content = orjson.dumps(response.json, option=pretty)
    if accepts_gzip and len(content) >= GZIP_FROM_BYTES:
        content = gzip.compress(content, _GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    headers["Vary"] = "Accept-Encoding"
    return Response(content, status_code=response.status, headers=headers, media_type=response.media_type)


def _streamed(response: ApiResponse, headers: dict[str, str], *, accepts_gzip: bool) -> Response:
    parts = response.parts or ()
    pieces = _pieces(parts)
    if accepts_gzip:
        headers["Content-Encoding"] = "gzip"
        pieces = _gzipped(pieces)
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


def _gzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    # 31 = 16 + 15: the gzip container around the largest window.
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    for piece in pieces:
        packed = packer.compress(piece)
        if packed:
            yield packed
    yield packer.flush()
