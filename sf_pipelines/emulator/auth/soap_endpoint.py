"""`/services/Soap/u/NN.0` and `/services/Soap/c/NN.0` over HTTP.

Belongs here: paths, versions, statuses. Not here: the calls (soap_calls.py). Imports the surface, Starlette.
"""

from __future__ import annotations

import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sf_pipelines.emulator.auth.soap_calls import answer_call
from sf_pipelines.emulator.auth.soap_envelope import (
    CLIENT_FAULT,
    SoapFault,
    read_call,
    write_answer,
    write_fault,
)
from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.body_stream import BodyStream
from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import decoded_body
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.http.versions import served_version

SOAP_PREFIX = "/services/Soap/"
# A `serverUrl` ends with the org's id; clients may call it, or leave the id out.
SOAP_PATH = re.compile(
    r"/services/Soap/([uc])/([^/]+)(?:/00D[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?)?/?", re.ASCII
)
_MEDIA_TYPE = "text/xml;charset=UTF-8"


async def serve_soap(surface: Surface, request: Request, base_url: str) -> Response:
    """Answer one SOAP call; a refused one is a fault with HTTP 500.

    Raises:
        SalesforceError: 404, there is no such API.
    """
    path = SOAP_PATH.fullmatch(request.scope["path"])
    if path is None:
        raise not_found()
    flavour, segment = path.groups()
    if request.method != "POST":
        message = f"HTTP Method '{request.method}' not allowed. Allowed are POST"
        return _refuse(SoapFault(CLIENT_FAULT, message, kind=None), flavour, status=405)
    body = BodyStream(request.receive)
    try:
        content = decoded_body(dict(request.headers), await body.whole())
    except SalesforceError as error:
        await body.drain()
        return _refuse(SoapFault(CLIENT_FAULT, error.message, kind=None), flavour)
    return await run_in_threadpool(_answer, surface, content, flavour, segment, base_url)


def _answer(surface: Surface, content: bytes, flavour: str, segment: str, base_url: str) -> Response:
    try:
        call = read_call(content, flavour=flavour, version=_version(segment))
        result = answer_call(call, server=surface.oauth, limits=surface.limits, base_url=base_url)
    except SoapFault as fault:
        return _refuse(fault, flavour)
    return Response(write_answer(call, result), media_type=_MEDIA_TYPE)


def _refuse(fault: SoapFault, flavour: str, status: int = 500) -> Response:
    return Response(write_fault(fault, flavour=flavour), status_code=status, media_type=_MEDIA_TYPE)


def _version(segment: str) -> str:
    """The version of the path: "62.0", and "62" as some clients write it."""
    try:
        return served_version("v" + segment.removesuffix(".0") + ".0")
    except SalesforceError as error:
        # [D] API end-of-life policy: "SOAP API returns 500:UNSUPPORTED_API_VERSION"
        raise SoapFault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL") from error
