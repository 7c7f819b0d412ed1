"""The shape that one and the same error has on each surface of the org.

Belongs here: which path speaks which dialect, for errors that no surface made by itself: unknown paths,
failures of the emulator, faults that tests inject. Not here: when there is an error. Imports the writers of
the surfaces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from sf_pipelines.emulator.auth.endpoints import OAUTH_ENDPOINTS
from sf_pipelines.emulator.auth.oauth_error import OAuthError
from sf_pipelines.emulator.auth.soap_endpoint import SOAP_PATH
from sf_pipelines.emulator.auth.soap_envelope import SoapFault, write_fault
from sf_pipelines.emulator.bulk_v1.documents import error_document
from sf_pipelines.emulator.errors import SalesforceError

_JSON = "application/json;charset=UTF-8"
_ASYNC, _OAUTH = "/services/async/", "/services/oauth2/"
_SOAP_STATUS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """An error as bytes."""

    status: int
    media_type: str
    body: bytes


def refusal(path: str, headers: Mapping[str, str], error: SalesforceError) -> Refusal:
    """The error as a caller of that path reads it; `headers` are the call's, names in lower case."""
    if path.startswith(_ASYNC):
        return _document(error, as_json="json" in headers.get("content-type", ""))
    soap = SOAP_PATH.fullmatch(path)
    if soap is not None:
        fault = write_fault(SoapFault(error.code, error.message), flavour=soap[1])
        status = max(error.status, _SOAP_STATUS)
        return Refusal(status=status, media_type="text/xml;charset=UTF-8", body=fault.encode())
    if path.startswith(_OAUTH) and path.removeprefix(_OAUTH).rstrip("/") in OAUTH_ENDPOINTS:
        # [I] of an error that is none of OAuth's own.
        told = OAuthError(error.code.lower(), error.message, status=error.status).as_dict()
        return Refusal(status=error.status, media_type=_JSON, body=orjson.dumps(told))
    return Refusal(status=error.status, media_type=_JSON, body=orjson.dumps([error.as_envelope()]))


def _document(error: SalesforceError, *, as_json: bool) -> Refusal:
    document = error_document(error, as_json=as_json)
    parts = [part for part in document.parts or () if isinstance(part, bytes)]
    body = orjson.dumps(document.json) if as_json else b"".join(parts)
    return Refusal(status=document.status, media_type=document.media_type, body=body)
