"""`/query` and `/queryAll`, and the pages of their cursors.

Belongs here: the query resource. Not here: SOQL (soql/), the JSON of a record (records.py). Imports cursors,
messages, records, surface.
"""

from __future__ import annotations

import re
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.records import RecordRenderer
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.results import QueryResult

DEFAULT_BATCH_SIZE, SMALLEST_BATCH_SIZE, LARGEST_BATCH_SIZE = 2000, 200, 2000
_BATCH_SIZE = re.compile(r"\bbatchSize\s*=\s*(\d{1,9})", re.ASCII | re.IGNORECASE)


def run_query(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET /query?q=`."""
    return _run(surface, request, include_deleted=False)


def run_query_all(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET /queryAll?q=`: deleted rows too."""
    return _run(surface, request, include_deleted=True)


def next_page(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET /query/<cursor>-<offset>`."""
    cursor, offset = surface.cursors.find(request.params["locator"])
    return _page(surface, request, cursor.result, offset=offset, cursor_id=cursor.id)


def _run(surface: Surface, request: ApiRequest, *, include_deleted: bool) -> ApiResponse:
    soql = request.query.get("q", "")
    if not soql.strip():
        raise SalesforceError("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    result = surface.org.query(soql, include_deleted=include_deleted)
    if result.is_count:
        return ApiResponse(json={"totalSize": result.total_size, "done": True, "records": []})
    cursor_id = surface.cursors.open(result).id if result.total_size > batch_size(request) else None
    return _page(surface, request, result, offset=0, cursor_id=cursor_id)


def _page(
    surface: Surface, request: ApiRequest, result: QueryResult, *, offset: int, cursor_id: str | None
) -> ApiResponse:
    size = batch_size(request)
    done = offset + size >= result.total_size
    body: dict[str, Any] = {"totalSize": result.total_size, "done": done}
    if not done:
        body["nextRecordsUrl"] = f"{request.data_url}/query/{cursor_id}-{offset + size}"
    renderer = RecordRenderer(surface.org.schema, result, request.data_url)
    body["records"] = renderer.render(result.read_page(offset, size))
    return ApiResponse(json=body)


def batch_size(request: ApiRequest) -> int:
    """Rows of a page: `Sforce-Query-Options: batchSize=N`, held inside 200 to 2000 ([D] RESTG)."""
    wish = _BATCH_SIZE.search(request.headers.get("sforce-query-options", ""))
    if wish is None:
        return DEFAULT_BATCH_SIZE
    return min(max(int(wish[1]), SMALLEST_BATCH_SIZE), LARGEST_BATCH_SIZE)


ROUTES = (
    Route(pattern="query", methods={"GET": run_query}, in_composite=True, is_query_or_collection=True),
    Route(pattern="queryAll", methods={"GET": run_query_all}, in_composite=True, is_query_or_collection=True),
    Route(
        pattern="query/{locator}", methods={"GET": next_page}, in_composite=True, is_query_or_collection=True
    ),
    Route(
        pattern="queryAll/{locator}",
        methods={"GET": next_page},
        in_composite=True,
        is_query_or_collection=True,
    ),
)
