"""Single rows by id: create, get, patch, delete.

Belongs here: section 3.2 of the wire contract for ids. Not here: external ids (external_ids.py). Imports
envelope, messages, router, surface.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sf_pipelines.emulator.errors import SalesforceError
from sf_pipelines.emulator.http.call_options import updates_recent_items
from sf_pipelines.emulator.http.envelope import not_found, require_success
from sf_pipelines.emulator.http.messages import ApiRequest, ApiResponse
from sf_pipelines.emulator.http.preconditions import (
    TAGGED_OBJECT,
    Version,
    check_read,
    check_write,
    entity_tag,
    is_conditional,
)
from sf_pipelines.emulator.http.router import Route
from sf_pipelines.emulator.http.surface import Surface
from sf_pipelines.emulator.ids import is_well_formed, to_18
from sf_pipelines.emulator.schema.model import ObjectSchema
from sf_pipelines.emulator.store import Transaction


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
    return ApiResponse(status=204, headers=update_record(surface, request, sobject, id_, record))


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
    _touch(surface, request, name, result.id or "")
    location = {"Location": f"{request.data_url}/sobjects/{name}/{result.id}"}
    return ApiResponse(status=201, json={"id": result.id, "success": True, "errors": []}, headers=location)


def read_record(surface: Surface, request: ApiRequest, sobject: str, id_: str) -> ApiResponse:
    """One record: the fields of `?fields=`, or all; 304 when the caller has it already."""
    headers: Mapping[str, str] = {}
    if sobject == TAGGED_OBJECT or is_conditional(request.headers):
        version = _version(surface, sobject, id_)
        headers = version.headers()
        unchanged = check_read(request.headers, version)
        if unchanged is not None:
            return unchanged
    names = request.query.get("fields")
    fields = None if names is None else [name.strip() for name in names.split(",") if name.strip()]
    record = surface.org.retrieve(sobject, id_, fields, data_url=request.data_url)
    _touch(surface, request, sobject, id_)
    return ApiResponse(json=record, headers=headers)


def update_record(
    surface: Surface, request: ApiRequest, sobject: str, id_: str, record: Mapping[str, Any]
) -> Mapping[str, str]:
    """Change one record that must be there (404 NOT_FOUND or ENTITY_IS_DELETED when it isn't).

    Returns:
        The headers of the answer: the ETag of what the record is now, for an object that has one.
    """
    if not is_conditional(request.headers):
        return _update(surface, request, sobject, id_, record)

    def work(_: Transaction) -> Mapping[str, str]:
        check_write(request.headers, _version(surface, sobject, id_))
        return _update(surface, request, sobject, id_, record)

    return surface.org.transact(work)


def _update(
    surface: Surface, request: ApiRequest, sobject: str, id_: str, record: Mapping[str, Any]
) -> Mapping[str, str]:
    surface.org.retrieve(sobject, id_, ["Id"])
    rows = [{**record, "Id": id_}]
    writer, duplicates = request.session.user_id, request.duplicates
    require_success(surface.org.update(sobject, rows, user_id=writer, duplicates=duplicates)[0])
    _touch(surface, request, sobject, id_)
    return _version(surface, sobject, id_).headers() if sobject == TAGGED_OBJECT else {}


def delete_record(surface: Surface, request: ApiRequest, sobject: str, id_: str) -> None:
    """Delete one record that must be there."""
    surface.org.retrieve(sobject, id_, ["Id"])
    require_success(surface.org.delete(sobject, [id_], user_id=request.session.user_id)[0])


def recent_items(surface: Surface, request: ApiRequest, sobject: str) -> list[dict[str, Any]]:
    """Id and name of the live rows of `sobject` that the caller touched last, newest first."""
    item = surface.org.schema.object(sobject)
    fields = ["Id", *(field.name for field in item.fields if field.name_field)]
    records: list[dict[str, Any]] = []
    for id_ in surface.recents.of(request.session.user_id, item.name):
        with suppress(SalesforceError):
            records.append(surface.org.retrieve(item.name, id_, fields, data_url=request.data_url))
    return records


def row_id(sobject: ObjectSchema, id_: str) -> str:
    """The 18-character form of an id in a URL; the checksum mends the case of the key prefix too.

    Raises:
        SalesforceError: 400 MALFORMED_ID, or 404 NOT_FOUND for an id of another object.
    """
    if not is_well_formed(id_):
        raise _malformed(id_)
    full = to_18(id_)
    if not full.startswith(sobject.key_prefix):
        raise not_found()
    return full


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


def _version(surface: Surface, sobject: str, id_: str) -> Version:
    """The row as conditions see it."""
    row = surface.org.version(sobject, id_)
    tag = entity_tag(row.digest) if sobject == TAGGED_OBJECT else None
    return Version(modified_at=row.modified_at, tag=tag)


def _touch(surface: Surface, request: ApiRequest, sobject: str, id_: str) -> None:
    if updates_recent_items(request.headers):
        surface.recents.note(request.session.user_id, sobject, id_)


def _address(surface: Surface, request: ApiRequest) -> tuple[str, str]:
    sobject = surface.org.schema.object(request.params["sobject"])
    id_ = request.params["id"]
    if not is_well_formed(id_):
        if len(id_) in (15, 18) and id_.startswith(sobject.key_prefix):
            raise _malformed(id_)
        # [R] a word where an id belongs is read as the name of an external id field.
        message = f"Provided external ID field does not exist or is not accessible: {id_}"
        raise SalesforceError("NOT_FOUND", message, status=404)
    return sobject.name, row_id(sobject, id_)


def _malformed(id_: str) -> SalesforceError:
    return SalesforceError("MALFORMED_ID", f"malformed id {id_}")


ROUTES = (
    Route(
        pattern="sobjects/{sobject}/{id}",
        methods={"GET": get_row, "PATCH": patch_row, "DELETE": delete_row},
        in_composite=True,
    ),
)
