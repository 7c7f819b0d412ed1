"""The two forms of everything that the Bulk API says: XML in its namespace, or JSON.

Belongs here: reading and writing documents, and which form a caller gets. Not here: what a document says.
Imports errors, messages and xml_text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import orjson

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse, decoded_body
from sf_pipelines.emulator.xml_text import XmlRefusedError, escaped, parse_xml

NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
XML_TYPE, JSON_TYPE = "application/xml", "application/json"
XML_TYPES = (XML_TYPE, "text/xml")
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
# Codes of Bulk API 2.0 and REST that have another name here ([D] exception codes of the guide).
_CODES = {
    "INVALIDJOB": "InvalidJob",
    "INVALIDJOBSTATE": "InvalidJobState",
    "INVALIDENTITY": "InvalidEntity",
    "INVALIDOPERATION": "InvalidOperation",
    "FEATURENOTENABLED": "FeatureNotEnabled",
    "INVALID_SESSION_ID": "InvalidSessionId",
    "NOT_FOUND": "InvalidUrl",
    "METHOD_NOT_ALLOWED": "InvalidUrl",
    "JSON_PARSER_ERROR": "InvalidJob",
    "REQUEST_LIMIT_EXCEEDED": "ExceededQuota",
    "REQUEST_TOO_LARGE": "ClientInputError",
    "SERVER_UNAVAILABLE": "ServerUnavailable",
    "UNSUPPORTED_MEDIA_TYPE": "ClientInputError",
    "UNKNOWN_EXCEPTION": "InternalServerError",
}


def media_type(headers: Mapping[str, str]) -> str:
    """The Content-Type of a request without parameters, in lower case; empty when it has none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def wants_json(request: ApiRequest, fallback: str = "XML") -> bool:
    """JSON to a caller that sends or accepts it; else by the content type of the job ([I] precedence)."""
    sent = media_type(request.headers)
    if sent == JSON_TYPE:
        return True
    if sent in XML_TYPES:
        return False
    return JSON_TYPE in request.headers.get("accept", "") or fallback == "JSON"


def document(name: str, facts: Mapping[str, Any], *, as_json: bool, status: int = 200) -> ApiResponse:
    """One mapping: a JSON object, or an XML element of that name with one child for each fact."""
    if as_json:
        return ApiResponse(status=status, json=dict(facts))
    return xml_response(_root(name, _elements(facts)), status=status)


def document_list(
    name: str, item: str, entries: Sequence[Mapping[str, Any]], *, as_json: bool
) -> ApiResponse:
    """Many of them: `{"batchInfo": [...]}`, or `<batchInfoList>` of `<batchInfo>`."""
    if as_json:
        return ApiResponse(json={item: [dict(entry) for entry in entries]})
    return xml_response(_root(name, "".join(f"<{item}>{_elements(entry)}</{item}>" for entry in entries)))


def result_list(ids: Sequence[str], *, as_json: bool) -> ApiResponse:
    """The ids of a query batch's results."""
    if as_json:
        return ApiResponse(json=list(ids))
    return xml_response(_root("result-list", "".join(f"<result>{id_}</result>" for id_ in ids)))


def error_document(error: SalesforceError, *, as_json: bool) -> ApiResponse:
    """A refusal; always 400 but for a limit of the org, a wrong address and a fault of the emulator."""
    facts = {"exceptionCode": _CODES.get(error.code, error.code), "exceptionMessage": error.message}
    status = error.status if error.status >= 500 or error.status in (403, 404, 405) else 400
    return document("error", facts, as_json=as_json, status=status)


def xml_response(text: str, *, status: int = 200) -> ApiResponse:
    """An XML document."""
    body = f"{_DECLARATION}{text}".encode()
    return ApiResponse(status=status, parts=[body], media_type=f"{XML_TYPE};charset=UTF-8")


def read_facts(request: ApiRequest, root: str) -> dict[str, Any]:
    """The facts of a request document: names to texts (XML) or to JSON values.

    Raises:
        SalesforceError: InvalidJob or InvalidXML, the body is neither.
    """
    content = decoded_body(request.headers, request.body)
    if media_type(request.headers) == JSON_TYPE:
        try:
            value: Any = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise SalesforceError("InvalidJob", f"Unable to parse Job: {error.msg}") from error
        if not isinstance(value, dict):
            raise SalesforceError("InvalidJob", "Unable to parse Job: a JSON object is expected")
        return value
    try:
        element = parse_xml(content)
    except XmlRefusedError as error:
        raise SalesforceError("InvalidXML", f"Unable to parse XML: {error}") from error
    if local_name(element) != root:
        raise SalesforceError("InvalidXML", f"The element {root} is expected, not {local_name(element)}")
    return {local_name(child): (child.text or "").strip() for child in element}


def local_name(element: ElementTree.Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def _root(name: str, content: str) -> str:
    return f'<{name} xmlns="{NAMESPACE}">{content}</{name}>'


def _elements(facts: Mapping[str, Any]) -> str:
    return "".join(f"<{name}>{escaped(_xml_text(value))}</{name}>" for name, value in facts.items())


def _xml_text(value: Any) -> str:
    """XML writes the zone of a time as Z, JSON as +0000 ([D] samples of the guide)."""
    text = str(value)
    return text.removesuffix("+0000") + "Z" if _TIME.fullmatch(text) else text
