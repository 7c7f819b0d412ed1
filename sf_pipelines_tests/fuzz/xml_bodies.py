"""Made-up XML: documents that are right, and every way to spoil one.

Belongs here: what SOAP and the Bulk API (version 1) share. Not here: what a document says (soap_requests.py,
async_requests.py).
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from hypothesis import strategies as st

from sf_pipelines_tests.fuzz.parts import usually

_DECLARATIONS = (
    "<?xml version='1.0' encoding='UTF-8'?>",
    "<?xml version='1.0' encoding='nope'?>",
    "<?xml version='1.0' encoding='utf-7'?>",
    "<?xml version='1.0' encoding='UTF-16'?>",
    "<?xml version='1.1'?>",
    "<!DOCTYPE x [<!ENTITY y 'z'>]>",
    "<!-- a comment --><?some thing?>",
    "\n",
)
_DEEP = 2_000
_PARENTS = b"<sObject><Parent>" * _DEEP + b"</Parent></sObject>" * _DEEP
_ODD_DOCUMENTS = (
    b"",
    b"<",
    b"<a/>",
    b"\x00",
    b"<a>&nope;</a>",
    b"<a>" * _DEEP,
    b"<a>" * _DEEP + b"</a>" * _DEEP,
    b"<sObjects>" + _PARENTS + b"</sObjects>",
)


def documents(whole: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Mostly the whole ones."""
    return usually(whole.map(_encoded), _spoilt(whole), times=4)


def element(name: str, content: str, **attributes: str) -> str:
    """An element around a content that is XML already."""
    given = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{given}>{content}</{name}>"


def _spoilt(whole: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    declared = st.tuples(st.sampled_from(_DECLARATIONS), whole).map("".join)
    return st.one_of(
        declared.map(_encoded),
        declared.map(lambda text: text.encode("utf-16", "surrogatepass")),
        whole.map(lambda text: b"\xef\xbb\xbf" + _encoded(text)),
        st.tuples(whole, st.integers(0, 400)).map(lambda pair: _encoded(pair[0])[: pair[1]]),
        st.tuples(whole, st.binary(min_size=1, max_size=3), st.integers(0, 400)).map(_with_insertion),
        st.sampled_from(_ODD_DOCUMENTS),
        st.binary(max_size=40),
    )


def _with_insertion(parts: tuple[str, bytes, int]) -> bytes:
    text, piece, place = parts
    content = _encoded(text)
    return content[:place] + piece + content[place:]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
