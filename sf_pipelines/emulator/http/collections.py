"""sObject Collections: up to 200 records in one call.

Belongs here: `B/composite/sobjects` ([D] section 3.4). Not here: composites (composite.py), DML itself (org).
Imports batches, messages, router, surface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.batches import TypedRecord, Verb, run_batches
from sf_pipelines.emulator.http.json_values import read_flag, read_names, read_objects
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.ids import is_well_formed, to_18
from sf_pipelines.emulator.results import RowResult

MAX_RECORDS = 200
MAX_RETRIEVED = 2000


def create_many(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST`: every record names its type."""
    body = request.json_object()
    verb: Verb = partial(surface.org.create, user_id=request.session.user_id, duplicates=request.duplicates)
    return _written(surface, body, [_typed(record) for record in _records(body)], verb)


def update_many(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`PATCH`: every record names its type and its id."""
    body = request.json_object()
    verb: Verb = partial(surface.org.update, user_id=request.session.user_id, duplicates=request.duplicates)
    return _written(surface, body, [_with_id(record) for record in _records(body)], verb)


def upsert_many(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`PATCH .../X/Ext__c`: one type, one key."""
    body = request.json_object()
    sobject = surface.org.schema.object(request.params["sobject"]).name
    key = request.params["field"]
    if key.lower() != "id":
        # Asked for its refusal of a name that is no key.
        surface.org.find_by_external_id(sobject, key, "")

    def verb(name: str, rows: Sequence[Mapping[str, Any]], *, all_or_none: bool) -> Sequence[RowResult]:
        return surface.org.upsert(
            name,
            key,
            rows,
            all_or_none=all_or_none,
            user_id=request.session.user_id,
            duplicates=request.duplicates,
        )

    pairs = [(sobject, _without_attributes(record)) for record in _records(body)]
    return _written(surface, body, pairs, verb, with_created=True)


def delete_many(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`DELETE ?ids=a,b&allOrNone=false`: the id's prefix names the type."""
    ids = [id_.strip() for id_ in request.query.get("ids", "").split(",") if id_.strip()]
    _check_count(len(ids), MAX_RECORDS)
    all_or_none = request.query.get("allOrNone", "false").lower() == "true"
    pairs = [(_type_of(surface, id_), {"Id": id_}) for id_ in ids]

    def verb(name: str, rows: Sequence[Mapping[str, Any]], *, all_or_none: bool) -> Sequence[RowResult]:
        keys = [row["Id"] for row in rows]
        return surface.org.delete(name, keys, all_or_none=all_or_none, user_id=request.session.user_id)

    results = run_batches(surface.org, pairs, verb, all_or_none=all_or_none)
    return ApiResponse(json=[_row_json(result) for result in results])


def retrieve_by_get(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET .../X?ids=&fields=`."""
    ids, fields = (request.query.get(name, "").split(",") for name in ("ids", "fields"))
    return _retrieve(surface, request, ids, fields)


def retrieve_by_post(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST .../X` with `{"ids": [...], "fields": [...]}`."""
    body = request.json_object()
    return _retrieve(surface, request, read_names(body, "ids"), read_names(body, "fields"))


def _retrieve(
    surface: Surface, request: ApiRequest, ids: Sequence[str], fields: Sequence[str]
) -> ApiResponse:
    sobject = surface.org.schema.object(request.params["sobject"]).name
    ids, fields = ([one.strip() for one in names if one.strip()] for names in (ids, fields))
    _check_count(len(ids), MAX_RETRIEVED)
    if not fields:
        raise SalesforceError("MISSING_ARGUMENT", "The fields parameter is required")
    return ApiResponse(json=[_retrieve_one(surface, request, sobject, id_, fields) for id_ in ids])


def _retrieve_one(
    surface: Surface, request: ApiRequest, sobject: str, id_: str, fields: Sequence[str]
) -> dict[str, Any] | None:
    try:
        return surface.org.retrieve(sobject, id_, fields, data_url=request.data_url)
    except SalesforceError as error:
        if error.status == 404:
            return None
        raise


def _written(
    surface: Surface,
    body: Mapping[str, Any],
    pairs: Sequence[TypedRecord],
    verb: Verb,
    *,
    with_created: bool = False,
) -> ApiResponse:
    results = run_batches(surface.org, pairs, verb, all_or_none=read_flag(body, "allOrNone"))
    return ApiResponse(json=[_row_json(result, with_created=with_created) for result in results])


def _records(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    records = read_objects(body, "records")
    _check_count(len(records), MAX_RECORDS)
    return records


def _check_count(count: int, most: int) -> None:
    if count == 0:
        raise SalesforceError("REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if count > most:
        message = f"record limit reached. cannot submit more than {most} records into this call"
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)


def _typed(record: dict[str, Any]) -> TypedRecord:
    attributes = record.get("attributes")
    kind = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(kind, str) or not kind:
        return _refused("INVALID_TYPE", "Must send a concrete entity type."), record
    return kind, _without_attributes(record)


def _with_id(record: dict[str, Any]) -> TypedRecord:
    kind, content = _typed(record)
    id_ = next((value for name, value in content.items() if name.lower() == "id"), None)
    if not isinstance(id_, str) or not id_:
        return _refused("MISSING_ARGUMENT", "Id not specified in an update call"), content
    return kind, content


def _type_of(surface: Surface, id_: str) -> str | RowResult:
    sobject = surface.org.schema.by_prefix(to_18(id_)[:3]) if is_well_formed(id_) else None
    if sobject is None:
        return _refused("MALFORMED_ID", f"malformed id {id_}")
    return sobject.name


def _refused(code: str, message: str) -> RowResult:
    return RowResult(id=None, success=False, errors=(SalesforceError(code, message),))


def _without_attributes(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "attributes"}


def _row_json(result: RowResult, *, with_created: bool = False) -> dict[str, Any]:
    if not result.success:
        return {"success": False, "errors": [error.as_row_error() for error in result.errors]}
    row: dict[str, Any] = {"id": result.id, "success": True, "errors": []}
    return {**row, "created": result.created} if with_created else row


ROUTES = (
    Route(
        pattern="composite/sobjects",
        methods={"POST": create_many, "PATCH": update_many, "DELETE": delete_many},
        in_composite=True,
        is_query_or_collection=True,
    ),
    Route(
        pattern="composite/sobjects/{sobject}",
        methods={"GET": retrieve_by_get, "POST": retrieve_by_post},
        in_composite=True,
        is_query_or_collection=True,
    ),
    Route(
        pattern="composite/sobjects/{sobject}/{field}",
        methods={"PATCH": upsert_many},
        in_composite=True,
        is_query_or_collection=True,
    ),
)
