"""A gap: changes of an org that the stream did not carry, or may not have carried. Nouns without I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GapCause(StrEnum):
    """Why changes are missing."""

    GAP_EVENT = "gap_event"
    OVERFLOW = "overflow"
    WILDCARD_IDS = "wildcard_ids"
    UNDECODABLE_EVENT = "undecodable_event"
    FIRST_START = "first_start"
    REPLAY_ID_REFUSED = "replay_id_refused"
    DOWNTIME = "downtime"
    SILENT_STREAM = "silent_stream"
    ALLOCATION_SPENT = "allocation_spent"
    COUNT_DISAGREES = "count_disagrees"


class RepairState(StrEnum):
    """How far the repair of a gap has come; a failed one goes back to open."""

    OPEN = "open"
    REPAIRING = "repairing"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """What is missing, as far as it is known.

    Attributes:
        channel: the stream's, e.g. `/data/AccountChangeEvent`.
        sobject: None for every object that the channel carries.
        from_timestamp: changes committed after this are in doubt; None for all of them, deletes included.
        to_timestamp: up to here; None while it still grows.
        record_ids: the only records in doubt; None where they are not known.
        replay_id: of the event that told of it, None where no event did.
        detail: one sentence for people.
    """

    channel: str
    sobject: str | None
    cause: GapCause
    detail: str
    from_timestamp: datetime | None = None
    to_timestamp: datetime | None = None
    record_ids: tuple[str, ...] | None = None
    replay_id: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GapProof:
    """What shows that a gap is repaired; all counts are rows of what the gap covers.

    Attributes:
        org_rows: the org's own count, or the number of ids that it still knows.
        rows_before: in the warehouse when the repair began; rows_after: when it ended.
        rows_repaired: written; rows_deleted: found gone in the org.
    """

    org_rows: int
    rows_before: int
    rows_after: int
    rows_repaired: int
    rows_deleted: int
