"""Records as the bodies of sObject Collections requests, packed into Composite calls ([D] RESTG 3.4).

Pure: values in, JSON out. What a value may be for a field is the org's to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson

from sf_pipelines.config.limits import COLLECTION_MAX_ROWS, COMPOSITE_MAX_COLLECTIONS
from sf_pipelines.model.rail import Operation

SUBREQUEST_OVERHEAD_BYTES = 512
"""Room for one subrequest's method, URL and braces."""

DELETE_URL_BYTES_PER_ID = 19


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One record of a write: where it stands in the request, its id, and its JSON."""

    position: int
    record_id: str
    json: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """Up to 200 consecutive records, one subrequest."""

    reference_id: str
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Method and path of every subrequest of one write."""

    method: str
    path: str


def pack(
    items: Iterable[Item], *, max_bytes: int, collection_rows: int = COLLECTION_MAX_ROWS
) -> Iterator[tuple[Collection, ...]]:
    """Calls of up to five collections of up to 200 records, each call below `max_bytes` of JSON."""
    call: list[list[Item]] = []
    bytes_used = 0
    for item in items:
        needs_collection = not call or len(call[-1]) == collection_rows
        size = len(item.json) + 1 + (SUBREQUEST_OVERHEAD_BYTES if needs_collection else 0)
        is_full = needs_collection and len(call) == COMPOSITE_MAX_COLLECTIONS
        if call and (is_full or bytes_used + size > max_bytes):
            yield _collections(call)
            call, bytes_used, needs_collection = [], 0, True
            size = len(item.json) + 1 + SUBREQUEST_OVERHEAD_BYTES
        if needs_collection:
            call.append([])
        call[-1].append(item)
        bytes_used += size
    if call:
        yield _collections(call)


def items_of(sobject: str, operation: Operation, records: Sequence[Mapping[str, Any]]) -> Iterator[Item]:
    """Each record as JSON with its type; a delete carries ids only."""
    for position, record in enumerate(records):
        record_id = _record_id(record)
        if operation is Operation.DELETE:
            yield Item(position=position, record_id=record_id, json=b" " * DELETE_URL_BYTES_PER_ID)
        else:
            body = _record_body(sobject, operation, record, record_id)
            yield Item(position=position, record_id=record_id, json=_dumps(body))


def composite_body(collections: Sequence[Collection], target: Target) -> bytes:
    """The Composite request of some collections: never all-or-none, in order, not merged by the org."""
    subrequests = [_subrequest(collection, target) for collection in collections]
    return orjson.dumps({"allOrNone": False, "collateSubrequests": False, "compositeRequest": subrequests})


def target_of(path: str, sobject: str, operation: Operation, external_id_field: str | None) -> Target:
    """Method and path of a Collections request below `path`, `…/composite/sobjects`."""
    match operation:
        case Operation.INSERT:
            return Target(method="POST", path=path)
        case Operation.UPDATE:
            return Target(method="PATCH", path=path)
        case Operation.UPSERT if external_id_field is not None:
            return Target(method="PATCH", path=f"{path}/{sobject}/{external_id_field}")
        case Operation.DELETE:
            return Target(method="DELETE", path=path)
        case _:
            raise ValueError(f"REST cannot write with '{operation}': use insert, update, upsert or delete.")


def _subrequest(collection: Collection, target: Target) -> dict[str, Any]:
    subrequest: dict[str, Any] = {
        "method": target.method,
        "referenceId": collection.reference_id,
        "url": target.path,
    }
    if target.method == "DELETE":
        ids = ",".join(item.record_id for item in collection.items)
        subrequest["url"] = f"{target.path}?ids={ids}&allOrNone=false"
    else:
        records = [orjson.Fragment(item.json) for item in collection.items]
        subrequest["body"] = {"allOrNone": False, "records": records}
    return subrequest


def _collections(call: Sequence[Sequence[Item]]) -> tuple[Collection, ...]:
    return tuple(
        Collection(reference_id=f"collection{number}", items=tuple(items))
        for number, items in enumerate(call)
    )


def _record_id(record: Mapping[str, Any]) -> str:
    value = next((value for name, value in record.items() if name.casefold() == "id"), None)
    return "" if value is None else str(value)


def _record_body(
    sobject: str, operation: Operation, record: Mapping[str, Any], record_id: str
) -> dict[str, Any]:
    body: dict[str, Any] = {"attributes": {"type": sobject}}
    is_update = operation is Operation.UPDATE
    if is_update and record_id:
        body["id"] = record_id
    for name, value in record.items():
        if is_update and name.casefold() == "id":
            continue
        key, member = _member(name, value)
        body[key] = member
    return body


def _member(name: str, value: Any) -> tuple[str, Any]:
    """One field, or a parent by its external id: `Account.Key__c`, `Lead:Who.Email` become nested objects."""
    if "." not in name:
        return name, value
    relationship, parent_field = name.split(".", 1)
    parent_type, _, relationship = relationship.rpartition(":")
    if value is None:
        # An external id that is null names no parent; clearing the reference itself does.
        return _foreign_key(relationship), None
    parent: dict[str, Any] = {parent_field: value}
    return relationship, {"attributes": {"type": parent_type}, **parent} if parent_type else parent


def _foreign_key(relationship: str) -> str:
    return f"{relationship[:-3]}__c" if relationship.endswith("__r") else f"{relationship}Id"


def _dumps(body: Mapping[str, Any]) -> bytes:
    return orjson.dumps(body, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _plain(value: Any) -> Any:
    match value:
        case datetime() if value.tzinfo is None:
            raise TypeError("A datetime without time zone cannot be sent: make it aware.")
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
        case date():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case _:
            raise TypeError(f"A value of type {type(value).__name__} has no form in Salesforce's JSON.")
