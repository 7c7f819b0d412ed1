"""Tables of change events: what the streams brought, how far each is stored, and what they did not bring.

Shapes only, in the same schema and metadata as `tables`. Written by `change_verbs` and `gap_verbs`, read by
`change_queries`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from sf_pipelines.config.change_settings import StartFrom
from sf_pipelines.ledger.tables import metadata
from sf_pipelines.model.change import ChangeType
from sf_pipelines.model.gap import GapCause, RepairState


def _texts(name: str, comment: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, ARRAY(Text), nullable=nullable, comment=comment)


def _when(name: str, comment: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable, comment=comment)


def _listed(values: type[ChangeType | StartFrom | GapCause | RepairState]) -> str:
    return ", ".join(f"'{value}'" for value in values)


change_event = Table(
    "change_event",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="order of the stream"),
    Column("channel", Text, nullable=False, comment="the stream that brought it"),
    Column("replay_id", LargeBinary, nullable=False, comment="opaque position of the event in the stream"),
    Column("event_id", Text, nullable=False, comment="id that the bus gave to the event"),
    Column("schema_id", Text, nullable=False, comment="Avro schema that it was written with"),
    Column("sobject", Text, comment="API name, null where not even the schema is known"),
    Column("transaction_key", Text, comment="the same for all events of one transaction"),
    Column("sequence_number", Integer, comment="order within the transaction, with holes"),
    _when("commit_timestamp", "the org's clock, to the millisecond"),
    Column("commit_number", BigInteger, comment="the org's commit counter"),
    Column("commit_user", Text, comment="id of the user that made the change"),
    Column("change_type", Text, comment="CREATE, UPDATE, ... or a GAP_ of them"),
    Column("change_origin", Text, comment="API and client that made the change, empty for the org's own UI"),
    _texts("record_ids", "ids of 18 characters that the change met"),
    _texts("changed_fields", "API names, of an UPDATE"),
    _texts("nulled_fields", "API names of fields that are empty now"),
    _texts("diff_fields", "API names of fields whose value is a unified diff"),
    Column("values", JSONB, comment="API name to the value as Avro carries it: set and nulled fields only"),
    Column("payload", LargeBinary, comment="bare Avro of an event that could not be read, else null"),
    Column("unreadable_because", Text, comment="why it could not be read, else null"),
    _when("stored_at", "ledger's clock", nullable=False),
    _when("applied_at", "when it was merged into its table, null before"),
    CheckConstraint(f"change_type IN ({_listed(ChangeType)})", name="change_type"),
    CheckConstraint(
        "(change_type IS NULL) = (payload IS NOT NULL) AND (payload IS NULL) = (unreadable_because IS NULL)",
        name="readable",
    ),
    Index(None, "channel", "replay_id", "event_id", unique=True),
    Index("change_event_pending_idx", "sobject", "id", postgresql_where=text("applied_at IS NULL")),
    comment="Every change event that a stream brought, once.",
)

replay_position = Table(
    "replay_position",
    metadata,
    Column("channel", Text, primary_key=True, comment="one stream of the org"),
    Column("holder", Text, comment="the subscriber that may store, null where none ever did"),
    Column("replay_id", LargeBinary, comment="where the stream goes on, null before the first answer"),
    _when("last_commit_timestamp", "of the newest stored event, null before the first"),
    Column("open_transaction", Text, comment="transaction stored in part, of which more may come"),
    _when("held_since", "when the holder took the channel"),
    _when("updated_at", "when the stream last told where it stands, null before the first answer"),
    comment="How far each channel is stored; written with the events themselves.",
)

stream_start = Table(
    "stream_start",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="order of choosing"),
    Column("channel", Text, nullable=False, comment="one stream of the org"),
    Column("start_from", Text, nullable=False, comment="earliest or latest"),
    Column("reason", Text, nullable=False, comment="why it could not go on from a stored position"),
    Column("chosen_by", Text, nullable=False, comment="the subscriber that began there"),
    Column("refused_replay_id", LargeBinary, comment="position that was given up, null for a first start"),
    _when("chosen_at", "ledger's clock", nullable=False),
    CheckConstraint(f"start_from IN ({_listed(StartFrom)})", name="start_from"),
    comment="Every time that a stream began elsewhere than at its stored position.",
)

event_schema = Table(
    "event_schema",
    metadata,
    Column("schema_id", Text, primary_key=True, comment="the org's id, never used for another schema"),
    Column("schema_json", Text, nullable=False, comment="Avro schema as the org gave it"),
    _when("seen_at", "ledger's clock", nullable=False),
    comment="Avro schemas that events were written with.",
)

gap = Table(
    "gap",
    metadata,
    Column("id", Uuid, primary_key=True, comment="made by the ledger"),
    Column("channel", Text, nullable=False, comment="the stream that has the gap"),
    Column("sobject", Text, comment="API name, null for every object that the channel carries"),
    Column("cause", Text, nullable=False, comment="why changes are missing"),
    Column("detail", Text, nullable=False, comment="one sentence for people"),
    _when("from_timestamp", "commits after this are in doubt, null for all of them"),
    _when("to_timestamp", "up to here, null while the gap still grows"),
    _texts("record_ids", "the only records in doubt, null where they are not known"),
    Column("replay_id", LargeBinary, comment="of the event that told of it"),
    _when("opened_at", "ledger's clock", nullable=False),
    Column("repair_state", Text, nullable=False, server_default="open", comment="open, repairing, closed"),
    Column("repair_attempts", Integer, nullable=False, server_default="0", comment="repairs begun so far"),
    Column("run_id", Uuid, ForeignKey("ledger.sync_run.id"), comment="run of the newest repair"),
    _when("repair_started_at", "when the newest repair began"),
    Column("repair_error", Text, comment="why the newest repair gave up"),
    Column("org_rows", BigInteger, comment="proof: the org's own count of what the gap covers"),
    Column("rows_before", BigInteger, comment="proof: rows in the warehouse when the repair began"),
    Column("rows_after", BigInteger, comment="proof: rows in the warehouse when it ended"),
    Column("rows_repaired", BigInteger, comment="proof: rows written"),
    Column("rows_deleted", BigInteger, comment="proof: rows found gone in the org"),
    _when("closed_at", "ledger's clock, null while it is open"),
    CheckConstraint(f"cause IN ({_listed(GapCause)})", name="cause"),
    CheckConstraint(f"repair_state IN ({_listed(RepairState)})", name="repair_state"),
    CheckConstraint(
        "(closed_at IS NOT NULL) = (repair_state = 'closed') "
        "AND (closed_at IS NULL OR num_nulls(org_rows, rows_before, rows_after, rows_repaired, "
        "rows_deleted) = 0)",
        name="proven",
    ),
    Index("gap_open_idx", "sobject", postgresql_where=text("closed_at IS NULL")),
    comment="Changes that no stream brought, their repair, and its proof.",
)
