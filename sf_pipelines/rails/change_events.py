"""From what the bus carries to change events, by each event's own schema. Opens no connection.

An event that cannot be read comes out as such, with the reason: one of them must not stop a stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import orjson
from fastavro import parse_schema, schemaless_reader

from sf_pipelines.model.change import (
    ChangeEvent,
    ChangeType,
    StreamedEvent,
    UndecodableEvent,
    sobject_of_channel,
)
from sf_pipelines.rails.change_ports import ReceivedEvent
from sf_pipelines.rails.event_layout import HEADER, EventLayout, read_layout
from sf_pipelines.rails.stream_errors import SchemaUnknownError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SchemaUnreadableError(Exception):
    """An Avro schema that is none of a change event; the message says why."""


@dataclass(frozen=True, slots=True)
class EventSchema:
    """One schema, ready to read by.

    Attributes:
        sobject: the object of its events as its name tells it, None for a name of another kind.
    """

    avro: Any
    layout: EventLayout
    sobject: str | None


class EventDecoder:
    """Reads events; asks for each schema once."""

    def __init__(self, schema_json: Callable[[str], str]) -> None:
        """Take what gives the JSON of a schema id, or raises SchemaUnknownError where the org has none."""
        self._schema_json = schema_json
        self._schemas: dict[str, EventSchema] = {}

    def decode(self, received: ReceivedEvent) -> StreamedEvent:
        """The event, or what is left of it where it cannot be read.

        Raises:
            StreamError: its schema cannot be asked for now; nothing is known about the event itself.
        """
        try:
            schema = self._schema(received.schema_id)
        except SchemaUnknownError as error:
            return _undecodable(received, None, f"its schema is unknown ({error.error_code})")
        except SchemaUnreadableError as error:
            return _undecodable(received, None, str(error))
        try:
            return _decode(received, schema)
        except Exception as error:  # noqa: BLE001 - bytes that fit no schema fail in any way there is
            return _undecodable(received, schema.sobject, f"{type(error).__name__}: {error}")

    def _schema(self, schema_id: str) -> EventSchema:
        schema = self._schemas.get(schema_id)
        if schema is None:
            schema = self._schemas[schema_id] = read_schema(self._schema_json(schema_id))
        return schema


def read_schema(schema_json: str) -> EventSchema:
    """A schema ready to read by.

    Raises:
        SchemaUnreadableError: it is no JSON, no Avro, or not that of a change event.
    """
    try:
        parsed: dict[str, Any] = orjson.loads(schema_json)
        layout = read_layout(parsed)
        avro = parse_schema(parsed)
    except Exception as error:
        raise SchemaUnreadableError(f"its schema cannot be used ({type(error).__name__}: {error})") from error
    return EventSchema(avro=avro, layout=layout, sobject=sobject_of_channel(str(parsed.get("name"))))


def _decode(received: ReceivedEvent, schema: EventSchema) -> ChangeEvent:
    stream = BytesIO(received.payload)
    record: Any = schemaless_reader(stream, schema.avro, None)
    left = len(received.payload) - stream.tell()
    if left:
        raise ValueError(f"{left:,} bytes are left over, so it was not written with its schema")
    header: Mapping[str, Any] = record[HEADER]
    layout = schema.layout
    changed, nulled = layout.names(header["changedFields"]), layout.names(header["nulledFields"])
    values = dict.fromkeys((*changed, *nulled)) | dict(layout.values(record))
    return ChangeEvent(
        replay_id=received.replay_id,
        event_id=received.event_id,
        schema_id=received.schema_id,
        sobject=header["entityName"],
        change_type=ChangeType(header["changeType"]),
        change_origin=header["changeOrigin"],
        transaction_key=header["transactionKey"],
        sequence_number=header["sequenceNumber"],
        commit_timestamp=EPOCH + timedelta(milliseconds=header["commitTimestamp"]),
        commit_number=header["commitNumber"],
        commit_user=header["commitUser"],
        record_ids=tuple(header["recordIds"]),
        changed_fields=changed,
        nulled_fields=nulled,
        diff_fields=layout.names(header["diffFields"]),
        values=values,
    )


def _undecodable(received: ReceivedEvent, sobject: str | None, reason: str) -> UndecodableEvent:
    return UndecodableEvent(
        replay_id=received.replay_id,
        event_id=received.event_id,
        schema_id=received.schema_id,
        sobject=sobject,
        payload=received.payload,
        reason=f"{reason[:1_000]}.",
    )
