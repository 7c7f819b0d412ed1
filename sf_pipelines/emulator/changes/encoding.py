"""A change event as bytes: bare Avro, with bitmaps of the fields that changed.

Belongs here: header, bitmaps, stored values to Avro values. Not here: which fields changed (events.py).
Imports fastavro, events, shapes, temporal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from io import BytesIO
from typing import Any

import fastavro

from sf_pipelines.emulator.changes.events import ChangeEvent
from sf_pipelines.emulator.changes.shapes import HEADER, EventShape, Leaf

_DAY_MS = 86_400_000
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def payload_of(event: ChangeEvent, max_bytes: int) -> bytes:
    """The event's payload; that of a gap when the event itself is larger than `max_bytes`."""
    content = _written(event)
    if len(content) <= max_bytes or event.change_type.startswith("GAP_"):
        return content
    return _written(event.as_gap())


def avro_header(event: ChangeEvent) -> dict[str, Any]:
    """The ChangeEventHeader."""
    transaction = event.transaction
    return {
        "entityName": event.shape.sobject,
        "recordIds": event.record_ids,
        "changeType": event.change_type,
        "changeOrigin": transaction.origin,
        "transactionKey": event.transaction_key,
        "sequenceNumber": event.sequence,
        "commitTimestamp": transaction.committed_ms,
        "commitNumber": event.commit_number,
        "commitUser": transaction.user_id,
        "nulledFields": bitmaps(event.shape, event.nulled),
        "diffFields": [],
        "changedFields": bitmaps(event.shape, event.changed),
    }


def avro_record(event: ChangeEvent) -> dict[str, Any]:
    """The whole record as fastavro writes it; what isn't there is null."""
    record: dict[str, Any] = {HEADER: avro_header(event)}
    leaves = event.shape.leaves
    for at in event.changed:
        leaf = leaves[at]
        if leaf.part is not None:
            record.setdefault(leaf.field, {})
    for at, stored in event.values.items():
        leaf = leaves[at]
        value = avro_value(leaf, stored)
        if leaf.part is None:
            record[leaf.field] = value
        else:
            record.setdefault(leaf.field, {})[leaf.part] = value
    return record


def avro_value(leaf: Leaf, stored: Any) -> Any:
    """A stored value that isn't null as Avro has it ([D] section 8: dates are epoch milliseconds)."""
    if leaf.type == "boolean":
        return bool(stored)
    if leaf.type == "long" and isinstance(stored, str):
        return (date.fromisoformat(stored).toordinal() - _EPOCH_DAY) * _DAY_MS
    return stored


def bitmaps(shape: EventShape, leaves: tuple[int, ...]) -> list[str]:
    """The bitmaps of some leaves: one of the record's own fields, then one for each compound field."""
    return list(_bitmaps(shape, leaves))


@lru_cache(maxsize=4096)
def _bitmaps(shape: EventShape, leaves: tuple[int, ...]) -> tuple[str, ...]:
    own = [shape.leaves[at].position for at in leaves if shape.leaves[at].part is None]
    nested: dict[int, list[int]] = {}
    for at in leaves:
        leaf = shape.leaves[at]
        if leaf.part is not None:
            nested.setdefault(leaf.position, []).append(leaf.part_position)
    top = [_bitmap(own)] if own else []
    return (*top, *(f"{position}-{_bitmap(parts)}" for position, parts in sorted(nested.items())))


def _bitmap(positions: Iterable[int]) -> str:
    """Big-endian hexadecimal of even length ([I]); the lowest bit is position 0."""
    number = sum(1 << position for position in positions)
    text = f"{number:x}"
    return f"0x{text.rjust(len(text) + len(text) % 2, '0').upper()}"


def _written(event: ChangeEvent) -> bytes:
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, event.shape.parsed, avro_record(event))
    return buffer.getvalue()
