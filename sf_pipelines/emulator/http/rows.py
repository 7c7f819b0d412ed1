"""Single rows by id: create, get, patch, delete.

Belongs here: section 3.2 of the wire contract for ids. Not here: external ids (external_ids.py). Imports
envelope, messages, router, surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.envelope import not_found, require_success
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.ids import is_well_formed, to_18


def create_row(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`POST B/sobjects/X`: 201."""
    return insert_record(surface, request, request.params["sobject"], record_of(request))


def get_row(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`GET B/sobjects/X/{id}?fields=A,B`."""
    sobject, id_ = _address(surface, request)
    return read_record(surface, request, sobject, id_)


def patch_row(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`PATCH B/sobjects/X/{id}`: 204."""
    sobject, id_ = _address(surface, request)
    record = record_of(request)
    refuse_key_in_body(record, "Id")
    update_record(surface, request, sobject, id_, record)
    return ApiResponse(status=204)


def delete_row(surface: Surface, request: ApiRequest) -> ApiResponse:
    """`DELETE B/sobjects/X/{id}`: 204, into the recycle bin."""
    sobject, id_ = _address(surface, request)
    delete_record(surface, request, sobject, id_)
    return ApiResponse(status=204)


def insert_record(
    surface: Surface, request: ApiRequest, sobject: str, record: Mapping[str, Any]
) -> ApiResponse:
    """Create one record and answer 201 with its Location."""
    name = surface.org.schema.object(sobject).name
    writer, duplicates = request.session.user_id, request.duplicates
    result = require_success(surface.org.create(name, [record], user_id=writer, duplicates=duplicates)[0])
    location = {"Location": f"{request.data_url}/sobjects/{name}/{result.id}"}
    return ApiResponse(status=201, json={"id": result.id, "success": True, "errors": []}, headers=location)


def read_record(surface: Surface, request: ApiRequest, sobject: str, id_: str) -> ApiResponse:
    """One record: the fields of `?fields=`, or all."""
    names = request.query.get("fields")
    fields = None if names is None else [name.strip() for name in names.split(",") if name.strip()]
    return ApiResponse(json=surface.org.retrieve(sobject, id_, fields, data_url=request.data_url))


def update_record(
    surface: Surface, request: ApiRequest, sobject: str, id_: str, record: Mapping[str, Any]
) -> None:
    """Change one record that must be there (404 NOT_FOUND or ENTITY_IS_DELETED when it isn't)."""
    surface.org.retrieve(sobject, id_, ["Id"])
    rows = [{**record, "Id": id_}]
    writer, duplicates = request.session.user_id, request.duplicates
    require_success(surface.org.update(sobject, rows, user_id=writer, duplicates=duplicates)[0])


def delete_record(surface: Surface, request: ApiRequest, sobject: str, id_: str) -> None:
    """Delete one record that must be there."""
    surface.org.retrieve(sobject, id_, ["Id"])
    require_success(surface.org.delete(sobject, [id_], user_id=request.session.user_id)[0])


def record_of(request: ApiRequest) -> dict[str, Any]:
    """The body without `attributes`, which names the type once more."""
    return {name: value for name, value in request.json_object().items() if name != "attributes"}


def refuse_key_in_body(record: Mapping[str, Any], *names: str) -> None:
    """The key of the URL must not be in the body too ([D] RESTG upsert)."""
    banned = {name.lower() for name in names}
    for name in record:
        if name.lower() in banned:
            message = f"The {name} field should not be specified in the sobject data."
            raise SalesforceError("INVALID_FIELD", message, fields=[name])


def _address(surface: Surface, request: ApiRequest) -> tuple[str, str]:
    sobject = surface.org.schema.object(request.params["sobject"])
    id_ = request.params["id"]
    if not is_well_formed(id_):
        # [R] a word where an id belongs is read as the name of an external id field.
        message = f"Provided external ID field does not exist or is not accessible: {id_}"
        raise SalesforceError("NOT_FOUND", message, status=404)
    if surface.org.schema.by_prefix(id_[:3]) is not sobject:
        raise not_found()
    return sobject.name, to_18(id_)


ROUTES = (
    Route(
        pattern="sobjects/{sobject}/{id}",
        methods={"GET": get_row, "PATCH": patch_row, "DELETE": delete_row},
        in_composite=True,
    ),
)
