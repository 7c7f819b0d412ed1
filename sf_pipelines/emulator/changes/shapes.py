"""The shape of an object's change event: its Avro schema, and which stored column fills which field.

Belongs here: fields, their order, their positions in bitmaps. Not here: payloads (encoding.py), when a shape
holds (capture.py). Imports avro, channel names, the schema's nouns.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from sf_pipelines.emulator.changes.avro import OPTIONAL
from sf_pipelines.emulator.changes.channels import event_name
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema

CHANGE_TYPES = (
    "CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE",
    "GAP_OVERFLOW", "SNAPSHOT",
)  # fmt: skip
HEADER = "ChangeEventHeader"
_NAMESPACE = "com.sforce.eventbus"
# [D] section 7.2 names the first two; the rest never have a value in a change event of a real org (AVSC).
_LEFT_OUT = frozenset(
    {"Id", "IsDeleted", "SystemModstamp", "MasterRecordId", "PhotoUrl", "LastActivityDate", "LastViewedDate",
     "LastReferencedDate"}
)  # fmt: skip
_AUDIT = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")
_AVRO_TYPES = {"boolean": "boolean", "int": "int", "double": "double", "currency": "double",
               "percent": "double", "date": "long", "datetime": "long", "time": "long"}  # fmt: skip
# The second part of a field's `doc` ([R] AVSC for the first ones, [I] for the others).
_DOC_TYPES = {"reference": "EntityId", "string": "Text", "textarea": "TextArea", "picklist": "DynamicEnum",
              "multipicklist": "MultiEnum", "boolean": "Boolean", "int": "Integer", "double": "Double",
              "currency": "Currency", "percent": "Percent", "date": "DateOnly", "datetime": "DateTime",
              "time": "TimeOnly", "email": "Email", "url": "Url", "phone": "Phone",
              "combobox": "Text"}  # fmt: skip
_DOC_ROLES = {"CreatedDate": "CreatedDate", "CreatedById": "CreatedBy", "OwnerId": "Owner",
              "LastModifiedDate": "LastModifiedDate", "LastModifiedById": "LastModifiedBy"}  # fmt: skip
# [I] the order of a person's name; the emulator's people have no other parts.
_NAME_PARTS = ("Salutation", "FirstName", "LastName")


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """One stored value of an event."""

    field: str
    position: int
    """Of the field among the record's fields; 0 is the header."""
    part: str | None
    """The sub-field of a compound field."""
    part_position: int
    part_count: int
    type: str
    """The Avro type, without its null."""


@dataclass(frozen=True, eq=False)
class EventShape:
    """The Avro schema of an object's event. Made of its JSON alone, so that it outlives the org's schema."""

    sobject: str
    schema_json: str

    @cached_property
    def schema_id(self) -> str:
        """22 characters: the same schema has the same id."""
        digest = hashlib.md5(self.schema_json.encode(), usedforsecurity=False).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The event's stored values in order."""
        return tuple(_leaves(orjson.loads(self.schema_json)["fields"]))

    @cached_property
    def writers(self) -> tuple[Callable[[Any], bytes], ...]:
        """What writes the value of each leaf."""
        return tuple(OPTIONAL[leaf.type] for leaf in self.leaves)

    @cached_property
    def width(self) -> int:
        """Fields of the record, the header included."""
        return len(orjson.loads(self.schema_json)["fields"])

    @cached_property
    def modified_date(self) -> int:
        """The leaf of LastModifiedDate, which every update tells."""
        return next(at for at, leaf in enumerate(self.leaves) if leaf.field == "LastModifiedDate")


def shape_of(item: ObjectSchema) -> tuple[EventShape, tuple[str, ...]]:
    """The shape of the object's event as the schema is now, and the columns behind its leaves."""
    known: set[str] = set()
    fields: list[dict[str, Any]] = [_header()]
    columns: list[str] = []
    for name, parts in _grouped(item).items():
        if parts[0].compound_field_name is None:
            fields.append(_field(name, _avro_type(parts[0]), _doc(parts[0])))
        else:
            fields.append(_compound(name, parts, known))
        columns += [part.name for part in parts]
    record = {"type": "record", "name": event_name(item.name), "namespace": _NAMESPACE, "fields": fields}
    return EventShape(item.name, orjson.dumps(record).decode()), tuple(columns)


def _grouped(item: ObjectSchema) -> dict[str, list[FieldSchema]]:
    """Event field to the stored fields behind it; the parts of a compound field together."""
    groups: dict[str, list[FieldSchema]] = {}
    for field in _ordered(item):
        groups.setdefault(field.compound_field_name or field.name, []).append(field)
    for parts in groups.values():
        if parts[0].name in _NAME_PARTS:
            parts.sort(key=lambda part: _NAME_PARTS.index(part.name))
    return groups


def _ordered(item: ObjectSchema) -> list[FieldSchema]:
    """The audit fields stand behind the owner, custom fields at the end ([R] AVSC)."""
    compounds = {field.compound_field_name for field in item.fields if field.compound_field_name}
    sent = [
        field
        for field in item.fields
        if field.name not in _LEFT_OUT and field.name not in compounds and not field.is_compound
    ]
    audit = [field for field in sent if field.name in _AUDIT]
    standard = [field for field in sent if field.name not in _AUDIT and not field.custom]
    names = [field.name for field in standard]
    at = names.index("OwnerId") + 1 if "OwnerId" in names else len(names)
    custom = [field for field in sent if field.custom]
    return [*standard[:at], *audit, *standard[at:], *custom]


def _compound(name: str, parts: list[FieldSchema], known: set[str]) -> dict[str, Any]:
    is_name = name == "Name"
    type_name = "PersonName" if is_name else "Address"
    if type_name in known:
        return _field(name, type_name, f"Data:{type_name}")
    known.add(type_name)
    prefix = "" if is_name else name.removesuffix("Address")
    inner = [_field(part.name.removeprefix(prefix), _avro_type(part), _doc(part)) for part in parts]
    return _field(name, {"type": "record", "name": type_name, "fields": inner}, f"Data:{type_name}")


def _field(name: str, type_: Any, doc: str) -> dict[str, Any]:
    return {"name": name, "type": ["null", type_], "doc": doc, "default": None}


def _avro_type(field: FieldSchema) -> str:
    return _AVRO_TYPES.get(field.type, "string")


def _doc(field: FieldSchema) -> str:
    role = _DOC_ROLES.get(field.name) or ("ForeignKey" if field.type == "reference" else "Data")
    return f"{role}:{_DOC_TYPES[field.type]}"


def _header() -> dict[str, Any]:
    texts = {"type": "array", "items": "string"}
    kinds: dict[str, Any] = {
        "entityName": "string",
        "recordIds": texts,
        "changeType": {"type": "enum", "name": "ChangeType", "symbols": list(CHANGE_TYPES)},
        "changeOrigin": "string",
        "transactionKey": "string",
        "sequenceNumber": "int",
        "commitTimestamp": "long",
        "commitNumber": "long",
        "commitUser": "string",
        "nulledFields": texts,
        "diffFields": texts,
        "changedFields": texts,
    }
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    return {"name": HEADER, "type": {"type": "record", "name": HEADER, "fields": fields}}


def _leaves(fields: list[dict[str, Any]]) -> Iterator[Leaf]:
    records: dict[str, list[dict[str, Any]]] = {}
    for position, field in enumerate(fields):
        if position == 0:
            continue
        kind = field["type"][1]
        if isinstance(kind, dict):
            records[kind["name"]] = kind["fields"]
            kind = kind["name"]
        if kind not in records:
            yield Leaf(
                field=field["name"], position=position, part=None, part_position=0, part_count=0, type=kind
            )
            continue
        for at, inner in enumerate(records[kind]):
            yield Leaf(
                field=field["name"],
                position=position,
                part=inner["name"],
                part_position=at,
                part_count=len(records[kind]),
                type=inner["type"][1],
            )
