"""Change events as the bus carries them, written by hand from the wire contract with fastavro."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_writer

from sf_pipelines.rails.change_ports import ReceivedEvent

CHANGE_TYPES = [
    *("CREATE", "UPDATE", "DELETE", "UNDELETE"),
    *("GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT"),
]
COMMITTED_MS = 1_767_614_400_123

HEADER_FIELDS = [
    {"name": "entityName", "type": "string"},
    {"name": "recordIds", "type": {"type": "array", "items": "string"}},
    {"name": "changeType", "type": {"type": "enum", "name": "ChangeType", "symbols": CHANGE_TYPES}},
    {"name": "changeOrigin", "type": "string"},
    {"name": "transactionKey", "type": "string"},
    {"name": "sequenceNumber", "type": "int"},
    {"name": "commitTimestamp", "type": "long"},
    {"name": "commitNumber", "type": "long"},
    {"name": "commitUser", "type": "string"},
    {"name": "nulledFields", "type": {"type": "array", "items": "string"}},
    {"name": "diffFields", "type": {"type": "array", "items": "string"}},
    {"name": "changedFields", "type": {"type": "array", "items": "string"}},
]


def optional(name: str, kind: Any) -> dict[str, Any]:
    kinds = kind if isinstance(kind, list) else [kind]
    return {"name": name, "type": ["null", *kinds], "default": None}


def record(name: str, *parts: tuple[str, str]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [optional(part, kind) for part, kind in parts]}


ADDRESS = record("Address", ("Street", "string"), ("City", "string"), ("Latitude", "double"))
PERSON_NAME = record("Switchable_PersonName", ("FirstName", "string"), ("LastName", "string"))
LOCATION = record("Location", ("Latitude", "double"), ("Longitude", "double"))

ACCOUNT_FIELDS = (
    optional("Name", ["string", PERSON_NAME]),  # bit 1
    optional("Site", "string"),  # bit 2
    optional("BillingAddress", ADDRESS),  # bit 3
    optional("ShippingAddress", "Address"),  # bit 4: the same type by its name
    optional("AnnualRevenue", "double"),  # bit 5
    optional("LastModifiedDate", "long"),  # bit 6
    optional("Depot__c", LOCATION),  # bit 7
)


def schema(entity: str = "Account", fields: Sequence[Mapping[str, Any]] = ACCOUNT_FIELDS) -> str:
    header = {"type": "record", "name": "ChangeEventHeader", "fields": HEADER_FIELDS}
    event_name = entity.replace("__c", "__ChangeEvent") if entity.endswith("__c") else f"{entity}ChangeEvent"
    return json.dumps(
        {
            "type": "record",
            "name": event_name,
            "namespace": "com.sforce.eventbus",
            "fields": [{"name": "ChangeEventHeader", "type": header}, *fields],
        }
    )


ACCOUNT_SCHEMA = schema()
SCHEMA_ID = "account-1"


def payload(
    body: Mapping[str, Any] | None = None, *, schema_json: str = ACCOUNT_SCHEMA, **header: Any
) -> bytes:
    """Bare Avro; parts of the header by their own names."""
    values = {
        "entityName": "Account",
        "recordIds": ["001000000000001AAA"],
        "changeType": "UPDATE",
        "changeOrigin": "com/salesforce/api/rest/66.0;client=tests",
        "transactionKey": "t-1",
        "sequenceNumber": 1,
        "commitTimestamp": COMMITTED_MS,
        "commitNumber": 77,
        "commitUser": "005000000000001AAA",
        "nulledFields": [],
        "diffFields": [],
        "changedFields": [],
    } | header
    stream = BytesIO()
    parsed = parse_schema(json.loads(schema_json))
    schemaless_writer(stream, parsed, {"ChangeEventHeader": values, **(body or {})})
    return stream.getvalue()


def received(
    number: int = 1, *, schema_id: str = SCHEMA_ID, content: bytes | None = None, **more: Any
) -> ReceivedEvent:
    """An event of the bus with the number as its replay id."""
    return ReceivedEvent(
        replay_id=number.to_bytes(8),
        event_id=f"event-{number}",
        schema_id=schema_id,
        payload=payload(**more) if content is None else content,
    )
