"""Change events as the stream carries them: who changed what, in which transaction. Nouns without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class ChangeType(StrEnum):
    """What happened to the records of an event, as `ChangeEventHeader.changeType` says it [D CDCG]."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    UNDELETE = "UNDELETE"
    GAP_CREATE = "GAP_CREATE"
    GAP_UPDATE = "GAP_UPDATE"
    GAP_DELETE = "GAP_DELETE"
    GAP_UNDELETE = "GAP_UNDELETE"
    GAP_OVERFLOW = "GAP_OVERFLOW"
    SNAPSHOT = "SNAPSHOT"

    @property
    def is_gap(self) -> bool:
        """Whether the event tells only that something changed, and not what."""
        return self.name.startswith("GAP_")


def sobject_of_channel(channel: str) -> str | None:
    """The only object of a channel such as `/data/AccountChangeEvent`; None for one that carries several."""
    name = channel.rpartition("/")[2]
    if name.endswith("__ChangeEvent"):
        return name.removesuffix("ChangeEvent") + "c"
    return name.removesuffix("ChangeEvent") if name.endswith("ChangeEvent") else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeEvent:
    """One decoded event. Fields go by the API names of the object's describe, parts of compound ones too.

    Attributes:
        replay_id: opaque; where the stream goes on behind this event.
        event_id: id that the bus gave to the event.
        record_ids: 18 characters each; several where the same change met several records.
        commit_timestamp: UTC, to the millisecond.
        changed_fields: of an UPDATE; nulled_fields: those that are empty now; diff_fields: those whose value
            is a unified diff and not the text itself.
        values: what is set or nulled, and nothing else, as Avro carries it: dates and times of day in
            milliseconds since 1970 or midnight (UTC), everything textual as text.
    """

    replay_id: bytes
    event_id: str
    schema_id: str
    sobject: str
    change_type: ChangeType
    change_origin: str
    transaction_key: str
    sequence_number: int
    commit_timestamp: datetime
    commit_number: int
    commit_user: str
    record_ids: tuple[str, ...]
    changed_fields: tuple[str, ...] = ()
    nulled_fields: tuple[str, ...] = ()
    diff_fields: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class UndecodableEvent:
    """An event that could not be read: kept as it came, so that nothing is lost and the stream goes on.

    Attributes:
        sobject: None where not even the schema is known.
        payload: bare Avro, as received.
        reason: one sentence.
    """

    replay_id: bytes
    event_id: str
    schema_id: str
    sobject: str | None
    payload: bytes
    reason: str


StreamedEvent = ChangeEvent | UndecodableEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLeaf:
    """One value that events of a schema can carry, by the name that the object's describe gives it.

    Attributes:
        avro_type: e.g. `string`, `double`, `long`, without its null.
        doc_type: Salesforce's own type by the schema's doc, e.g. `DateTime`; None where it is silent.
        compound: the compound field that it is a part of, and part: its name within that; None for others.
        is_alternative: whether the compound field can hold a text in place of its parts.
    """

    name: str
    avro_type: str
    doc_type: str | None = None
    compound: str | None = None
    part: str | None = None
    is_alternative: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayPosition:
    """How far a channel is stored.

    Attributes:
        replay_id: of the last event of the last whole transaction, or a newer one from a keepalive.
        last_commit_timestamp: of the newest stored event, None before the first.
        open_transaction: key of a transaction that is stored in part and of which more may come.
    """

    replay_id: bytes
    last_commit_timestamp: datetime | None = None
    open_transaction: str | None = None
