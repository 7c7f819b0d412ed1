"""The shapes of the two surfaces that speak XML: SOAP faults, and the errors of the Bulk API, version 1.

Belongs here: what an answer must look like. Not here: which path has which shape (verdict.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from sf_pipelines_tests.fuzz.wire import WireAnswer

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_BULK = "{http://www.force.com/2009/06/asyncapi/dataload}"
_SOAP_CODE = re.compile(r"soapenv:Client|[A-Z]+(_[A-Z]+)*")
# [D] the exception codes of the Bulk API are in camel case, unlike those of all other APIs.
_BULK_CODE = re.compile(r"([A-Z][a-z]+)+(XML)?")
_NOT_FOUND = '[{"message":"The requested resource does not exist","errorCode":"NOT_FOUND"}]'


def soap_complaint(answer: WireAnswer) -> str | None:
    """What is wrong with an answer below /services/Soap/."""
    if answer.status == 404:
        return None if answer.body.decode() == _NOT_FOUND else f"no such API, but: {answer.body!r}"
    body = _xml(answer)
    if body is None or body.tag != f"{_SOAP}Envelope" or len(body) != 1 or len(body[0]) != 1:
        return f"status {answer.status} isn't a SOAP envelope: {answer.body[:300]!r}"
    if answer.status == 200:
        return None if body[0][0].tag.endswith("Response") else f"no answer of a call: {answer.body!r}"
    fault = {child.tag: child.text or "" for child in body[0][0]}
    if body[0][0].tag != f"{_SOAP}Fault" or not _SOAP_CODE.fullmatch(fault.get("faultcode", "")):
        return f"status {answer.status} isn't a SOAP fault: {answer.body!r}"
    return None if fault.get("faultstring") else f"a fault without a text: {answer.body!r}"


def async_complaint(path: str, answer: WireAnswer) -> str | None:
    """What is wrong with an answer below /services/async/."""
    if path.rstrip("/").endswith("/request") and answer.status == 200:
        # the content of a batch comes back as it was sent, whatever it was
        return None
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if media_type == "text/csv" and answer.status == 200:
        return None
    if media_type == "application/json":
        return _json_complaint(answer)
    body = _xml(answer) if media_type == "application/xml" else None
    if body is None or not body.tag.startswith(_BULK):
        return f"status {answer.status} is neither XML of this API nor JSON: {answer.body[:300]!r}"
    if answer.status < 300:
        return None
    facts = {child.tag.removeprefix(_BULK): child.text for child in body}
    return None if body.tag == f"{_BULK}error" and _is_error(facts) else f"no error: {answer.body!r}"


def _json_complaint(answer: WireAnswer) -> str | None:
    try:
        content = json.loads(answer.body)
    except ValueError:
        return f"the body isn't JSON: {answer.body[:300]!r}"
    if answer.status < 300 or (isinstance(content, dict) and _is_error(content)):
        return None
    return f"no error: {content}"


def _is_error(facts: Mapping[str, Any]) -> bool:
    code, message = facts.get("exceptionCode"), facts.get("exceptionMessage")
    return (
        sorted(facts) == ["exceptionCode", "exceptionMessage"]
        and isinstance(code, str)
        and bool(_BULK_CODE.fullmatch(code))
        and isinstance(message, str)
        and bool(message)
    )


def _xml(answer: WireAnswer) -> ElementTree.Element | None:
    try:
        return ElementTree.fromstring(answer.body)
    except ElementTree.ParseError:
        return None
