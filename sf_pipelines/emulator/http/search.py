"""`/search` and `/parameterizedSearch`: this org has no search index, and says so.

Belongs here: telling a malformed search from one that the org can't run. Imports errors, messages, router.
"""

from __future__ import annotations

import re

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse, json_error
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.json_types import cannot_deserialize

_SOSL = re.compile(r"\s*FIND\s*\{[^{}]+\}.*", re.IGNORECASE | re.DOTALL)
_NO_TERM = "No search term found. The search term must be enclosed in braces."
# [I] an org without a feature answers with this code.
_NOT_ENABLED = "Search is not enabled for this org: use a SOQL query"


def search(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET /search?q=<SOSL>`: always refused, a malformed search as such."""
    if not _SOSL.fullmatch(request.query.get("q", "")):
        raise SalesforceError("MALFORMED_SEARCH", _NO_TERM)
    raise _not_enabled()


def search_by_parameters(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET /parameterizedSearch?q=` or `POST` with `{"q": ...}`: always refused."""
    term = request.json_object().get("q") if request.method == "POST" else request.query.get("q")
    if term is not None and not isinstance(term, str):
        raise json_error(cannot_deserialize("string", term))
    if not term or not term.strip():
        raise SalesforceError("MISSING_ARGUMENT", "The q parameter is required")
    raise _not_enabled()


def _not_enabled() -> SalesforceError:
    return SalesforceError("FUNCTIONALITY_NOT_ENABLED", _NOT_ENABLED, status=403)


ROUTES = (
    Route(pattern="search", methods={"GET": search}, in_composite=True),
    Route(
        pattern="parameterizedSearch",
        methods={"GET": search_by_parameters, "POST": search_by_parameters},
        in_composite=True,
    ),
)
