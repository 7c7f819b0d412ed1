"""XML from and to anybody: reading a document that may be hostile, writing a text that XML may not hold.

Belongs here: what the parsers of the standard library and defusedxml refuse, as one error; escapes. Not here:
what a document says (auth/soap_envelope.py, bulk_v1/documents.py).
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, ParseError
from xml.sax import saxutils

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

# [I] what stands for a character that a document can't hold, escaped or not (XML 1.0, production Char).
SUBSTITUTE = "\ufffd"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XmlRefusedError(Exception):
    """The document can't be taken; the text says why."""


def parse_xml(content: bytes) -> Element:
    """The root of an XML document.

    Raises:
        XmlRefusedError: it isn't well-formed, declares a document type, or is in an encoding that is unknown
            (LookupError) or that the parser can't decode (ValueError).
    """
    try:
        return fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise XmlRefusedError(str(error)) from error


def escaped(text: str) -> str:
    """`text` as the content of an element."""
    return saxutils.escape(_FORBIDDEN.sub(SUBSTITUTE, text))
