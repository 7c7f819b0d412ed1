"""A large answer as a file of decoded bytes, read from the socket as it is asked for.

Never holds more than a few blocks. An answer that ends too early raises; it never looks like a short file.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError

from sf_pipelines.rails.errors import BrokenTransferError, Facts
from sf_pipelines.rails.wire import Answer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 65_536

GZIP_CODINGS = frozenset({"gzip", "x-gzip"})
READABLE_CODINGS = GZIP_CODINGS | {"identity", ""}

_GZIP_WINDOW_BITS = 31


class ResponseStream(io.RawIOBase):
    """Decoded body of one answer, readable once; pyarrow, csv and io wrappers take it.

    Raises:
        BrokenTransferError: on a read past the point where the transfer broke.
    """

    def __init__(self, answer: Answer, *, page_number: int | None = None, locator: str | None = None) -> None:
        super().__init__()
        self._answer = answer
        self._page_number = page_number
        self._locator = locator
        self._blocks = _decoded(answer)
        self._rest = memoryview(b"")
        self._failure: BrokenTransferError | None = None

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, all of them unless the end comes first; b"" at the end."""
        if size is None or size < 0:
            return self.readall()
        parts: list[memoryview] = []
        wanted = size
        while wanted and (part := self._take(wanted)):
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer with what comes next; 0 at the end."""
        target = memoryview(buffer).cast("B")
        part = self._take(len(target))
        target[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        if not self.closed:
            self._answer.response.close()
        super().close()

    def _take(self, size: int) -> memoryview:
        if self.closed:
            raise ValueError("The answer's stream is closed: read it before the next one is asked for.")
        if not self._rest:
            self._rest = memoryview(self._next_block())
        part, self._rest = self._rest[:size], self._rest[size:]
        return part

    def _next_block(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        try:
            return next(self._blocks, b"")
        except (HTTPError, OSError, EOFError, zlib.error) as error:
            # A generator that raised is spent: without this the next read would look like a clean end.
            self._failure = self._broken(error)
            raise self._failure from error

    def _broken(self, error: Exception) -> BrokenTransferError:
        facts: Facts = self._answer.facts
        page = f" of page {self._page_number}" if self._page_number is not None else ""
        place = f" (locator {self._locator})" if self._locator is not None else ""
        return BrokenTransferError(
            f"The transfer{page}{place} broke before its end ({type(error).__name__}): read it again.",
            page_number=self._page_number,
            locator=self._locator,
            **facts,
        )


def _decoded(answer: Answer) -> Iterator[bytes]:
    """Blocks of the body; urllib3 checks its length, and gzip's own end mark is checked here."""
    coding = answer.headers.get("Content-Encoding", "identity").lower()
    blocks: Iterator[bytes] = answer.response.raw.stream(BLOCK_BYTES, decode_content=False)
    return _inflated(blocks) if coding in GZIP_CODINGS else blocks


def _inflated(blocks: Iterator[bytes]) -> Iterator[bytes]:
    decoder = zlib.decompressobj(wbits=_GZIP_WINDOW_BITS)
    has_begun = False
    for block in blocks:
        has_begun = has_begun or bool(block)
        while block:
            if decoder.eof:
                decoder = zlib.decompressobj(wbits=_GZIP_WINDOW_BITS)
            plain = decoder.decompress(block, BLOCK_BYTES)
            block = decoder.unconsumed_tail or decoder.unused_data
            if plain:
                yield plain
    rest = decoder.flush()
    if rest:
        yield rest
    if has_begun and not decoder.eof:
        raise EOFError
