"""A change event as CometD tells it: JSON, field names in place of bitmaps, only what changed.

Belongs here: the message of one event. Not here: who gets it (clients.py), Avro (changes/encoding.py).
Imports changes, temporal.
"""

from __future__ import annotations

from typing import Any

from sf_pipelines.emulator.changes.encoding import schema_id_of
from sf_pipelines.emulator.changes.events import ChangeEvent
from sf_pipelines.emulator.changes.shapes import HEADER, EventShape
from sf_pipelines.emulator.schema.model import FieldSchema, ObjectSchema
from sf_pipelines.emulator.temporal import datetime_text
from sf_pipelines.emulator.values import rest_converter


def message_of(event: ChangeEvent, channel: str, item: ObjectSchema | None) -> dict[str, Any]:
    """The message on `channel` ([R] section 9).

    Args:
        event: to be told.
        channel: that the client subscribed to.
        item: the event's object as the schema is now, whose field types say how values are written; None when
            it is gone.
    """
    return {
        "data": {
            "schema": schema_id_of(event),
            "payload": {HEADER: _header(event), **_fields(event, item)},
            "event": {"replayId": event.number},
        },
        "channel": channel,
    }


def _header(event: ChangeEvent) -> dict[str, Any]:
    transaction = event.transaction
    return {
        "commitNumber": event.commit_number,
        "commitUser": transaction.user_id,
        "sequenceNumber": event.sequence,
        "entityName": event.shape.sobject,
        "changeType": event.change_type,
        "changedFields": [_name(event.shape, at) for at in event.changed],
        "changeOrigin": transaction.origin,
        "transactionKey": event.transaction_key,
        "commitTimestamp": transaction.committed_ms,
        "recordIds": event.record_ids,
    }


def _name(shape: EventShape, at: int) -> str:
    leaf = shape.leaves[at]
    return leaf.field if leaf.part is None else f"{leaf.field}.{leaf.part}"


def _fields(event: ChangeEvent, item: ObjectSchema | None) -> dict[str, Any]:
    """Whole texts, never diffs; of an update the changed fields, nulls among them."""
    told: dict[str, Any] = {}
    for at in event.told:
        leaf = event.shape.leaves[at]
        value = _value(_field(item, leaf.field, leaf.part), event.image[at])
        if leaf.part is None:
            told[leaf.field] = value
        else:
            told.setdefault(leaf.field, {})[leaf.part] = value
    return told


def _field(item: ObjectSchema | None, name: str, part: str | None) -> FieldSchema | None:
    """The stored field behind a leaf: a compound's part has the compound's prefix, a name's part none."""
    if item is None:
        return None
    return item.field(name if part is None else part) or item.field(f"{name.removesuffix('Address')}{part}")


def _value(field: FieldSchema | None, stored: Any) -> Any:
    if stored is None or field is None:
        return stored
    if field.type == "datetime":
        return f"{datetime_text(stored)}Z"
    convert = rest_converter(field)
    return stored if convert is None else convert(stored)
