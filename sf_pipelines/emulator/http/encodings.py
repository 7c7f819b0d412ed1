"""Compression of bodies, both ways: gzip and deflate ([D] section 3.7).

Belongs here: choosing, packing, unpacking. Not here: when (wire.py, messages.py). Imports zlib only.
"""

from __future__ import annotations

import gzip
import re
import zlib
from typing import Literal

Encoding = Literal["gzip", "deflate"]
ENCODINGS: tuple[Encoding, ...] = ("gzip", "deflate")
# Fast rather than small: the client is on the same machine.
_LEVEL = 1
# zlib's window sizes: 47 = 32 + 15 finds out itself whether the head is gzip's or zlib's; a negative one has
# no head at all, which is how some clients send deflate; 31 = 16 + 15 is the gzip container.
_ANY_HEAD, _NO_HEAD, _GZIP = 47, -15, 31
_REFUSED = re.compile(r"q\s*=\s*0(?:\.0*)?", re.ASCII)


def accepted_encoding(accept_encoding: str) -> Encoding | None:
    """The best encoding that a client's `Accept-Encoding` takes; None for an unpacked answer."""
    taken: set[str] = set()
    for item in accept_encoding.lower().split(","):
        name, _, parameters = item.partition(";")
        if not _REFUSED.fullmatch(parameters.strip()):
            taken.add(name.strip())
    return next((one for one in ENCODINGS if one in taken), None)


def packed(content: bytes, encoding: Encoding) -> bytes:
    """The content in that encoding."""
    return gzip.compress(content, _LEVEL, mtime=0) if encoding == "gzip" else zlib.compress(content, _LEVEL)


def stream_packer(encoding: Encoding) -> zlib._Compress:  # pyright: ignore[reportPrivateUsage]
    """A compressor that is fed piece by piece and flushed at the end."""
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP if encoding == "gzip" else zlib.MAX_WBITS)


def unpacked(body: bytes, most_bytes: int) -> bytes:
    """The content of a packed body, cut off one byte past `most_bytes`.

    Raises:
        ValueError: it isn't gzip or deflate, or it breaks off.
    """
    try:
        return _unpacked(body, most_bytes, _ANY_HEAD)
    except zlib.error:
        try:
            return _unpacked(body, most_bytes, _NO_HEAD)
        except zlib.error as error:
            raise ValueError("The body isn't compressed as it says") from error


def _unpacked(body: bytes, most_bytes: int, window_bits: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=window_bits)
    content = unpacker.decompress(body, most_bytes + 1)
    if not unpacker.eof and len(content) <= most_bytes:
        raise ValueError("The compressed body breaks off")
    return content
