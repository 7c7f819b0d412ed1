"""Records over REST ([D] RESTG 3.3, 3.4): SOQL queries; writes by Collections of 200 inside one Composite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from sf_pipelines.config.limits import (
    COLLECTION_MAX_ROWS,
    COMPOSITE_MAX_ROWS,
    QUERY_PAGE_MAX_ROWS,
    REST_BODY_MAX_BYTES,
)
from sf_pipelines.model.outcome import OutcomeState, RecordError, RecordOutcome
from sf_pipelines.model.rail import Operation
from sf_pipelines.rails.errors import SalesforceError, UnknownOutcomeError
from sf_pipelines.rails.payload import Collection, Item, Target, composite_body, items_of, pack, target_of
from sf_pipelines.rails.ports import RecordPage, RestPort, WriteResponse
from sf_pipelines.rails.refusal import Envelope, envelope_of
from sf_pipelines.rails.transport import Transport
from sf_pipelines.rails.wire import Answer

NO_ID = RecordError(code="MISSING_ARGUMENT", message="Id not specified in a delete call", fields=("Id",))
"""A delete names records in its URL, where a missing id cannot be refused for one record alone."""

Outcomes = dict[int, RecordOutcome]


class Rest(RestPort):
    """REST of one org; a write makes one metered call unless its JSON is too large for one."""

    def __init__(self, transport: Transport, *, max_body_bytes: int = REST_BODY_MAX_BYTES) -> None:
        self._transport = transport
        self._max_body_bytes = max_body_bytes

    def write(
        self,
        sobject: str,
        operation: Operation,
        records: Sequence[Mapping[str, Any]],
        *,
        external_id_field: str | None = None,
        collection_rows: int = COLLECTION_MAX_ROWS,
    ) -> WriteResponse:
        """Write up to 1,000 records; an update or delete takes `Id` from each record.

        Smaller Collections are shorter transactions, which hold their locks for less long; the calls that
        they need follow each other.

        A field named `Parent.Key__c` refers to a parent by external id; null clears the reference. Where
        the JSON needs several calls and a later one is refused, its records come back as unprocessed
        with the refusal's code; where only one call is needed a refusal is raised.

        Raises:
            UnknownOutcomeError: an answer was lost, so each of the records may or may not be written.
            SalesforceError: the whole call was refused and nothing was written.
        """
        _check_write(operation, records, external_id_field)
        path = self._transport.data_path("composite/sobjects")
        target = target_of(path, sobject, operation, external_id_field)
        items = list(items_of(sobject, operation, records))
        outcomes: Outcomes = {}
        if operation is Operation.DELETE:
            outcomes = {item.position: _failed(NO_ID) for item in items if not item.record_id}
            items = [item for item in items if item.record_id]
        calls = pack(items, max_bytes=self._max_body_bytes, collection_rows=collection_rows)
        request_ids = self._send(items, calls, target, operation, outcomes)
        ordered = tuple(outcomes[position] for position in range(len(records)))
        return WriteResponse(outcomes=ordered, request_id=",".join(request_ids))

    def count(self, soql: str, *, include_deleted: bool = False) -> int:
        """Result of a `SELECT COUNT()` statement: `totalSize` of its answer."""
        path = self._transport.data_path(_resource(include_deleted))
        answer = self._transport.get(path, params={"q": soql})
        total = answer.json_object().get("totalSize")
        if not isinstance(total, int):
            raise answer.unexpected("a count has a totalSize")
        return total

    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[RecordPage]:
        """Pages of records without `attributes`, also in their parents; one metered call a page."""
        headers = {"Sforce-Query-Options": f"batchSize={QUERY_PAGE_MAX_ROWS}"}
        path = self._transport.data_path(_resource(include_deleted))
        answer = self._transport.get(path, params={"q": soql}, headers=headers)
        while True:
            page = answer.json_object()
            yield _read_page(answer, page)
            if page["done"]:
                return
            answer = self._transport.get(_next_path(answer, page), headers=headers)

    def _send(
        self,
        items: Sequence[Item],
        calls: Iterable[tuple[Collection, ...]],
        target: Target,
        operation: Operation,
        outcomes: Outcomes,
    ) -> list[str]:
        """Send the items in as many calls as their size needs, add their outcomes, give the request ids."""
        path = self._transport.data_path("composite")
        request_ids: list[str] = []
        for collections in calls:
            body = composite_body(collections, target)
            try:
                answer = self._transport.send_json("POST", path, body, may_compress=True)
            except SalesforceError as error:
                if isinstance(error, UnknownOutcomeError) or not request_ids:
                    raise
                # Earlier calls have written: raising now would lose what became of their records.
                outcomes |= _unprocessed(items, outcomes, error)
                return [*request_ids, error.request_id or ""]
            request_ids.append(answer.request_id)
            outcomes |= _read_outcomes(answer, collections, operation)
        return request_ids


def _resource(include_deleted: bool) -> str:
    return "queryAll" if include_deleted else "query"


def _check_write(
    operation: Operation, records: Sequence[Mapping[str, Any]], external_id_field: str | None
) -> None:
    if len(records) > COMPOSITE_MAX_ROWS:
        raise ValueError(f"{len(records)} records are too many: one write takes up to {COMPOSITE_MAX_ROWS}.")
    if (operation is Operation.UPSERT) != (external_id_field is not None):
        raise ValueError(f"An external id field belongs to upsert and only to it, not to '{operation}'.")


def _read_outcomes(answer: Answer, collections: Sequence[Collection], operation: Operation) -> Outcomes:
    """What became of each record, found by the collection's reference and the place in it."""
    responses = answer.json_object().get("compositeResponse")
    by_reference = {item.get("referenceId"): item for item in _objects(answer, responses)}
    outcomes: Outcomes = {}
    for collection in collections:
        response = by_reference.get(collection.reference_id)
        if response is None:
            raise answer.unexpected(f"{collection.reference_id} is missing in it")
        outcomes |= _read_collection(answer, collection, response, operation)
    return outcomes


def _read_collection(
    answer: Answer, collection: Collection, response: Mapping[str, Any], operation: Operation
) -> Outcomes:
    status, body = response.get("httpStatusCode"), response.get("body")
    if not isinstance(status, int) or not 200 <= status < 300:
        envelope = envelope_of(body) or Envelope(code=f"HTTP_{status}", message="the collection was refused")
        error = RecordError(code=envelope.code, message=envelope.message, fields=envelope.fields)
        return {item.position: _failed(error) for item in collection.items}
    results = _objects(answer, body)
    if len(results) != len(collection.items):
        raise answer.unexpected(f"{collection.reference_id} has not one result for each record")
    return {
        item.position: _read_result(result, operation)
        for item, result in zip(collection.items, results, strict=True)
    }


def _objects(answer: Answer, value: Any) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else None
    if items is None or not all(isinstance(item, dict) for item in items):
        raise answer.unexpected("a list of results is missing in it")
    return items


def _read_result(result: Mapping[str, Any], operation: Operation) -> RecordOutcome:
    if result.get("success") is True:
        return RecordOutcome(
            state=OutcomeState.SUCCEEDED,
            salesforce_id=result.get("id"),
            created=operation is Operation.INSERT or result.get("created") is True,
        )
    envelope = envelope_of(result.get("errors")) or Envelope(code="UNKNOWN_ERROR", message="no error given")
    return _failed(RecordError(code=envelope.code, message=envelope.message, fields=envelope.fields))


def _failed(error: RecordError) -> RecordOutcome:
    return RecordOutcome(state=OutcomeState.FAILED, error=error)


def _unprocessed(items: Sequence[Item], known: Outcomes, error: SalesforceError) -> Outcomes:
    refusal = RecordError(code=error.error_code or type(error).__name__, message=error.message)
    outcome = RecordOutcome(state=OutcomeState.UNPROCESSED, error=refusal)
    return {item.position: outcome for item in items if item.position not in known}


def _read_page(answer: Answer, page: Mapping[str, Any]) -> RecordPage:
    match page:
        case {"records": [*records], "totalSize": int(total_size), "done": bool()}:
            return RecordPage(
                total_size=total_size, records=[_without_attributes(record) for record in records]
            )
        case _:
            raise answer.unexpected("a query's page has records, totalSize and done")


def _next_path(answer: Answer, page: Mapping[str, Any]) -> str:
    path = page.get("nextRecordsUrl")
    if not isinstance(path, str) or not path.startswith("/services/data/"):
        raise answer.unexpected("it is not the last page, and says not where the next one is")
    return path


def _without_attributes(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return {name: _without_attributes(member) for name, member in members if name != "attributes"}
    if isinstance(value, list):
        return [_without_attributes(item) for item in cast("list[Any]", value)]
    return value
