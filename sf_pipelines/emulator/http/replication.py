"""What changed in a span of time: `B/sobjects/X/updated` and `B/sobjects/X/deleted` ([D] section 3.3).

Belongs here: reading the span, its limits, the two answers. A row that was removed for good is in neither,
since the org keeps no log of those. Not here: queries (org). Imports errors, messages, router, surface,
temporal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.results import QueryResult
from sf_pipelines.emulator.temporal import datetime_text, parse_datetime, to_epoch_ms

# [D] section 3.3: beyond the first a call is refused; deletes are told for the second only.
EARLIEST_START, DELETES_KEPT = timedelta(days=30), timedelta(days=15)
MAX_IDS = 600_000
_MINUTE_MS = 60_000
# [C] codes and texts as the data replication calls of all Salesforce APIs give them; [I] of a bad parameter.
_TOO_EARLY = "startDate cannot be more than 30 days ago"
_TOO_SHORT = "endDate must be at least one minute greater than startDate"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """Epoch milliseconds, whole minutes, the end exclusive."""

    start: int
    end: int


def updated(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET .../updated?start=&end=`: ids of the rows that were created or changed."""
    span = _span(surface, request)
    result = _rows(surface, request, "Id", span, where="IsDeleted = false")
    ids = [row[0] for row in result.rows]
    return ApiResponse(json={"ids": ids, "latestDateCovered": _latest(surface, span)})


def deleted(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET .../deleted?start=&end=`: ids and times of the rows in the recycle bin."""
    span = _span(surface, request)
    oldest = _whole_minutes(to_epoch_ms(surface.org.clock.now() - DELETES_KEPT))
    kept = _Span(start=max(span.start, oldest), end=max(span.end, oldest))
    result = _rows(surface, request, "Id, SystemModstamp", kept, where="IsDeleted = true")
    opened = _whole_minutes(to_epoch_ms(surface.opened_at))
    body: dict[str, Any] = {
        "deletedRecords": [{"id": id_, "deletedDate": _text(moment)} for id_, moment in result.rows],
        "earliestDateAvailable": _text(max(oldest, opened)),
        "latestDateCovered": _latest(surface, span),
    }
    return ApiResponse(json=body)


def _rows(surface: Surface, request: ApiRequest, columns: str, span: _Span, *, where: str) -> QueryResult:
    sobject = surface.org.schema.object(request.params["sobject"]).name
    start, end = (datetime_text(moment) + "Z" for moment in (span.start, span.end))
    soql = (
        f"SELECT {columns} FROM {sobject} WHERE SystemModstamp >= {start} AND SystemModstamp < {end} "
        f"AND {where} ORDER BY SystemModstamp"
    )
    result = surface.org.query(soql, include_deleted=True)
    if result.total_size > MAX_IDS:
        message = f"More than {MAX_IDS} ids: choose start and end dates that are closer together"
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)
    return result


def _span(surface: Surface, request: ApiRequest) -> _Span:
    start, end = (_moment(request, name) for name in ("start", "end"))
    if end - start < _MINUTE_MS:
        raise SalesforceError("INVALID_REPLICATION_DATE", _TOO_SHORT)
    if start < _whole_minutes(to_epoch_ms(surface.org.clock.now() - EARLIEST_START)):
        raise SalesforceError("INVALID_REPLICATION_DATE", _TOO_EARLY)
    return _Span(start=start, end=end)


def _moment(request: ApiRequest, name: str) -> int:
    """A parameter in whole minutes: its seconds are ignored ([D])."""
    text = request.query.get(name, "")
    if not text:
        raise SalesforceError("MISSING_ARGUMENT", f"The {name} parameter is required")
    try:
        return _whole_minutes(parse_datetime(text))
    except ValueError as error:
        message = f"The {name} parameter is not a date and time: {text}"
        raise SalesforceError("INVALID_REPLICATION_DATE", message) from error


def _latest(surface: Surface, span: _Span) -> str:
    return _text(min(span.end, _whole_minutes(to_epoch_ms(surface.org.clock.now()))))


def _whole_minutes(epoch_ms: int) -> int:
    return epoch_ms // _MINUTE_MS * _MINUTE_MS


def _text(epoch_ms: int) -> str:
    return datetime_text(epoch_ms) + "+0000"


ROUTES = (
    Route(pattern="sobjects/{sobject}/updated", methods={"GET": updated}),
    Route(pattern="sobjects/{sobject}/deleted", methods={"GET": deleted}),
)
