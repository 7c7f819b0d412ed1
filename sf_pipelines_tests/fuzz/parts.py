"""Small strategies that the surfaces share: methods, headers, texts, and choosing mostly what is right.

Belongs here: what belongs to no one surface. Not here: requests (the modules named after surfaces).
"""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]
Content = st.SearchStrategy[tuple[bytes, dict[str, str]]]
"""A body and the headers that describe it."""

ANY_METHOD = st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "X"])
TEXT = st.text(max_size=6)
HEADER_TEXT = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=12
)


def usually(part: Strategy, wild: Strategy, times: int = 9) -> Strategy:
    """`part` `times` times for each time of `wild` (one_of counts equal strategies once)."""
    return st.sampled_from([False] * times + [True]).flatmap(lambda is_wild: wild if is_wild else part)


def typed(content_type: str) -> dict[str, str]:
    """The one header that says what a body is."""
    return {"content-type": content_type}


def packed(contents: Content) -> Content:
    """The same bodies, compressed as they say."""
    return contents.map(lambda one: (gzip.compress(one[0]), _encoded(one[1], "gzip")))


def broken(contents: Content) -> Content:
    """The same bodies, broken off, or packed in another way than they say."""
    cut = contents.map(lambda one: (one[0][:-1], one[1]))
    deflated = contents.map(lambda one: (zlib.compress(one[0])[:-1], _encoded(one[1], "deflate")))
    unpacked = contents.map(lambda one: (one[0], _encoded(one[1], "gzip")))
    unknown = contents.map(lambda one: (one[0], _encoded(one[1], "br")))
    return st.one_of(cut, deflated, unpacked, unknown)


def _encoded(headers: dict[str, str], encoding: str) -> dict[str, str]:
    return {**headers, "content-encoding": encoding}
