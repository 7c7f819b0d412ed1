"""`/query` and `/queryAll`, and the pages of their cursors.

Belongs here: the query resource. Not here: SOQL (soql/), the JSON of a record (records.py). Imports cursors,
messages, records, surface.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.records import RecordRenderer, Row
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.results import QueryResult

DEFAULT_BATCH_SIZE, SMALLEST_BATCH_SIZE, LARGEST_BATCH_SIZE = 2000, 200, 2000
# [I]: how many child records a page carries before it is cut short.
CHILD_ROWS_OF_A_PAGE = 2000
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
    pages = _Pages(surface=surface, request=request)
    return ApiResponse(json=pages.page(cursor.result, offset, cursor.id))


def _run(surface: Surface, request: ApiRequest, *, include_deleted: bool) -> ApiResponse:
    soql = request.query.get("q", "")
    if not soql.strip():
        raise SalesforceError("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    result = surface.org.query(soql, include_deleted=include_deleted)
    if result.is_count:
        return ApiResponse(json={"totalSize": result.total_size, "done": True, "records": []})
    return ApiResponse(json=_Pages(surface=surface, request=request).page(result, 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pages:
    """Makes the pages of one answer: those of the query and those nested in its records."""

    surface: Surface
    request: ApiRequest

    def page(self, result: QueryResult, offset: int, cursor_id: str | None = None) -> dict[str, Any]:
        """The page at `offset`; opens a cursor when rows are left and `cursor_id` is None."""
        renderer = RecordRenderer(
            self.surface.org.schema, result.shape, self.request.data_url, self._first_page
        )
        return self._page(renderer, result, offset, cursor_id)

    def _first_page(self, renderer: RecordRenderer, result: QueryResult) -> dict[str, Any]:
        return self._page(renderer, result, 0, None)

    def _page(
        self, renderer: RecordRenderer, result: QueryResult, offset: int, cursor_id: str | None
    ) -> dict[str, Any]:
        size = result.total_size if result.shape.is_aggregate else batch_size(self.request)
        rows, following = _rows_of_page(result, offset, size)
        done = following >= result.total_size
        body: dict[str, Any] = {"totalSize": result.total_size, "done": done}
        if not done:
            cursor_id = cursor_id or self.surface.cursors.open(result).id
            body["nextRecordsUrl"] = f"{self.request.data_url}/query/{cursor_id}-{following}"
        body["records"] = renderer.render(rows)
        return body


def _rows_of_page(result: QueryResult, offset: int, size: int) -> tuple[list[Row], int]:
    """The rows of the page at `offset`, and where the next one starts.

    Subqueries shrink a page ([D] RESTG): it ends before the record whose children would exceed the most
    that a page carries, but has one record at least.
    """
    rows = result.read_page(offset, size)
    children = 0
    for count, row in enumerate(rows if result.shape.children else ()):
        children += sum(min(row[one.index].total_size, size) for one in result.shape.children)
        if children > CHILD_ROWS_OF_A_PAGE and count:
            return rows[:count], offset + _places(result, offset, count)
    return rows, offset + size


def _places(result: QueryResult, offset: int, count: int) -> int:
    """How many places of the snapshot hold `count` rows: more than that when rows are gone for good."""
    places = count
    while offset + places < result.total_size:
        missing = count - len(result.read_page(offset, places))
        if missing <= 0:
            break
        places += missing
    return places


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
