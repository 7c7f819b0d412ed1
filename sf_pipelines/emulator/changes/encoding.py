"""A change event as bytes: bare Avro, with bitmaps of the fields that changed.

Belongs here: header, body, bitmaps. Not here: which fields changed (events.py), single values (avro.py).
Imports avro, events, marks, shapes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sf_pipelines.emulator.changes import avro
from sf_pipelines.emulator.changes.events import ChangeEvent
from sf_pipelines.emulator.changes.marks import Mark
from sf_pipelines.emulator.changes.shapes import CHANGE_TYPES, EventShape

# The length of the first text, longer than any payload: no reader gets past it.
_POISON = avro.whole(2**40)
_TYPE_BYTES = {name: avro.whole(number) for number, name in enumerate(CHANGE_TYPES)}


def payload_of(event: ChangeEvent, max_bytes: int) -> bytes:
    """The event's payload; that of a gap when the event itself is larger than `max_bytes`."""
    content = _header(event) + _body(event)
    if event.mark == Mark.POISON:
        return _POISON + content
    if len(content) <= max_bytes:
        return content
    gap = event.as_gap()
    return _header(gap) + _body(gap)


def schema_id_of(event: ChangeEvent) -> str:
    """The id of the schema that the payload was written with, unless a test wants it unknown."""
    schema_id = event.shape.schema_id
    return schema_id[::-1] if event.mark == Mark.UNKNOWN_SCHEMA else schema_id


def bitmaps(shape: EventShape, leaves: tuple[int, ...]) -> list[str]:
    """The bitmaps of some leaves: one of the record's own fields, then one for each compound field."""
    own = [shape.leaves[at].position for at in leaves if shape.leaves[at].part is None]
    nested: dict[int, list[int]] = {}
    for at in leaves:
        leaf = shape.leaves[at]
        if leaf.part is not None:
            nested.setdefault(leaf.position, []).append(leaf.part_position)
    top = [_bitmap(own)] if own else []
    return [*top, *(f"{position}-{_bitmap(parts)}" for position, parts in sorted(nested.items()))]


def _bitmap(positions: Iterable[int]) -> str:
    """Big-endian hexadecimal of even length ([I]); the lowest bit is position 0."""
    digits = f"{sum(1 << position for position in positions):X}"
    return f"0x{digits.rjust(len(digits) + len(digits) % 2, '0')}"


@lru_cache(maxsize=4096)
def _bitmap_bytes(shape: EventShape, leaves: tuple[int, ...]) -> bytes:
    return avro.texts(bitmaps(shape, leaves))


def _header(event: ChangeEvent) -> bytes:
    """The fields of ChangeEventHeader in the order of its schema (shapes.py)."""
    transaction = event.transaction
    return b"".join(
        (
            avro.text(event.shape.sobject),
            avro.texts(event.record_ids),
            _TYPE_BYTES[event.change_type],
            avro.text(transaction.origin),
            avro.text(event.transaction_key),
            avro.whole(event.sequence),
            avro.whole(transaction.committed_ms),
            avro.whole(event.commit_number),
            avro.text(transaction.user_id),
            _bitmap_bytes(event.shape, event.nulled),
            avro.texts(bitmaps(event.shape, event.diffed)) if event.diffs else avro.NULL,
            _bitmap_bytes(event.shape, event.changed),
        )
    )


def _body(event: ChangeEvent) -> bytes:
    """The record's other fields: what the event doesn't tell is null."""
    shape = event.shape
    out: list[bytes] = []
    position, room = 1, 0
    for at in event.told:
        leaf = shape.leaves[at]
        if leaf.position >= position:
            # what is left of the compound field before, and the fields between
            out.append(avro.NULL * (room + leaf.position - position))
            position, room = leaf.position + 1, 0
            if leaf.part is not None:
                out.append(avro.SOME)
                room = leaf.part_count
        if leaf.part is not None:
            out.append(avro.NULL * (leaf.part_position + room - leaf.part_count))
            room = leaf.part_count - leaf.part_position - 1
        value = event.value(at)
        out.append(avro.NULL if value is None else shape.writers[at](value))
    out.append(avro.NULL * (room + shape.width - position))
    return b"".join(out)
