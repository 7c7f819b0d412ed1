"""Single rows by external id: get, upsert, delete.

Belongs here: `B/sobjects/X/{Ext__c}/{value}` and `B/sobjects/X/Id`. Not here: rows by id (rows.py). Imports
envelope, messages, router, rows, surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sf_pipelines.emulator.http.envelope import not_found
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.rows import (
    create_row,
    delete_record,
    insert_record,
    read_record,
    record_of,
    refuse_key_in_body,
    row_id,
    update_record,
)
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.schema.model import ObjectSchema

# [D] RESTG: an upsert that updates has a body since this version.
UPDATE_HAS_BODY_SINCE = 46.0


def get_by_key(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET`: 200, 300 when the value is ambiguous."""
    sobject = _sobject(surface, request)
    found = _ids(surface, request, sobject)
    return _choices(request, sobject, found) or read_record(surface, request, sobject.name, _only(found))


def delete_by_key(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`DELETE`: 204, 300 when the value is ambiguous."""
    sobject = _sobject(surface, request)
    found = _ids(surface, request, sobject)
    choices = _choices(request, sobject, found)
    if choices is not None:
        return choices
    delete_record(surface, request, sobject.name, _only(found))
    return ApiResponse(status=204)


def upsert_by_key(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`PATCH`: 201 created, 200 (204 before v46) updated, 300 ambiguous, 404 with `?updateOnly=true`."""
    record = record_of(request)
    sobject = _sobject(surface, request)
    refuse_key_in_body(record, request.params["field"], "Id")
    # One transaction, so that of two callers with one new key the second one updates.
    return surface.org.transact(lambda _: _upsert(surface, request, sobject, record))


def _upsert(
    surface: Surface, request: ApiRequest, sobject: ObjectSchema, record: dict[str, Any]
) -> ApiResponse:
    key = request.params["field"]
    found = _ids(surface, request, sobject)
    choices = _choices(request, sobject, found)
    if choices is not None:
        return choices
    if found:
        headers = update_record(surface, request, sobject.name, found[0], record)
        return _updated(request, found[0], headers)
    if key.lower() == "id" or request.query.get("updateOnly", "").lower() == "true":
        raise not_found()
    created = insert_record(surface, request, sobject.name, {**record, key: request.params["value"]})
    return ApiResponse(status=201, json={**created.json, "created": True}, headers=created.headers)


def _updated(request: ApiRequest, id_: str, headers: Mapping[str, str]) -> ApiResponse:
    if request.version_number < UPDATE_HAS_BODY_SINCE:
        return ApiResponse(status=204, headers=headers)
    return ApiResponse(json={"id": id_, "success": True, "errors": [], "created": False}, headers=headers)


def _sobject(surface: Surface, request: ApiRequest) -> ObjectSchema:
    return surface.org.schema.object(request.params["sobject"])


def _ids(surface: Surface, request: ApiRequest, sobject: ObjectSchema) -> list[str]:
    field, value = request.params["field"], request.params["value"]
    if field.lower() != "id":
        return surface.org.find_by_external_id(sobject.name, field, value)
    return [row_id(sobject, value)]


def _choices(request: ApiRequest, sobject: ObjectSchema, ids: list[str]) -> ApiResponse | None:
    if len(ids) < 2:
        return None
    return ApiResponse(status=300, json=[f"{request.data_url}/sobjects/{sobject.name}/{id_}" for id_ in ids])


def _only(ids: list[str]) -> str:
    if not ids:
        raise not_found()
    return ids[0]


ROUTES = (
    Route(pattern="sobjects/{sobject}/Id", methods={"POST": create_row}, in_composite=True),
    Route(
        pattern="sobjects/{sobject}/{field}/{value}",
        methods={"GET": get_by_key, "PATCH": upsert_by_key, "DELETE": delete_by_key},
        in_composite=True,
    ),
)
