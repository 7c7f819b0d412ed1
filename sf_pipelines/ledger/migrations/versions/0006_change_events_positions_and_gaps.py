"""Change events, how far each stream is stored, and gaps with their repair."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "change_event",
        sa.Column(
            "id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order of the stream"
        ),
        sa.Column("channel", sa.Text(), nullable=False, comment="the stream that brought it"),
        sa.Column(
            "replay_id",
            sa.LargeBinary(),
            nullable=False,
            comment="opaque position of the event in the stream",
        ),
        sa.Column("event_id", sa.Text(), nullable=False, comment="id that the bus gave to the event"),
        sa.Column("schema_id", sa.Text(), nullable=False, comment="Avro schema that it was written with"),
        sa.Column(
            "sobject", sa.Text(), nullable=True, comment="API name, null where not even the schema is known"
        ),
        sa.Column(
            "transaction_key", sa.Text(), nullable=True, comment="the same for all events of one transaction"
        ),
        sa.Column(
            "sequence_number", sa.Integer(), nullable=True, comment="order within the transaction, with holes"
        ),
        sa.Column(
            "commit_timestamp",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the org's clock, to the millisecond",
        ),
        sa.Column("commit_number", sa.BigInteger(), nullable=True, comment="the org's commit counter"),
        sa.Column("commit_user", sa.Text(), nullable=True, comment="id of the user that made the change"),
        sa.Column("change_type", sa.Text(), nullable=True, comment="CREATE, UPDATE, ... or a GAP_ of them"),
        sa.Column(
            "change_origin",
            sa.Text(),
            nullable=True,
            comment="API and client that made the change, empty for the org's own UI",
        ),
        sa.Column(
            "record_ids",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="ids of 18 characters that the change met",
        ),
        sa.Column(
            "changed_fields", postgresql.ARRAY(sa.Text()), nullable=True, comment="API names, of an UPDATE"
        ),
        sa.Column(
            "nulled_fields",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="API names of fields that are empty now",
        ),
        sa.Column(
            "diff_fields",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="API names of fields whose value is a unified diff",
        ),
        sa.Column(
            "values",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="API name to the value as Avro carries it: set and nulled fields only",
        ),
        sa.Column(
            "payload",
            sa.LargeBinary(),
            nullable=True,
            comment="bare Avro of an event that could not be read, else null",
        ),
        sa.Column(
            "unreadable_because", sa.Text(), nullable=True, comment="why it could not be read, else null"
        ),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.Column(
            "applied_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it was merged into its table, null before",
        ),
        sa.CheckConstraint(
            "change_type IN ('CREATE', 'UPDATE', 'DELETE', 'UNDELETE', 'GAP_CREATE', "
            "'GAP_UPDATE', 'GAP_DELETE', 'GAP_UNDELETE', 'GAP_OVERFLOW', 'SNAPSHOT')",
            name=op.f("change_event_change_type_check"),
        ),
        sa.CheckConstraint(
            "(change_type IS NULL) = (payload IS NOT NULL) AND (payload IS NULL) = "
            "(unreadable_because IS NULL)",
            name=op.f("change_event_readable_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("change_event_pkey")),
        schema="ledger",
        comment="Every change event that a stream brought, once.",
    )
    op.create_index(
        op.f("change_event_channel_replay_id_event_id_idx"),
        "change_event",
        ["channel", "replay_id", "event_id"],
        unique=True,
        schema="ledger",
    )
    op.create_index(
        "change_event_pending_idx",
        "change_event",
        ["sobject", "id"],
        unique=False,
        schema="ledger",
        postgresql_where=sa.text("applied_at IS NULL"),
    )
    op.create_table(
        "event_schema",
        sa.Column(
            "schema_id", sa.Text(), nullable=False, comment="the org's id, never used for another schema"
        ),
        sa.Column("schema_json", sa.Text(), nullable=False, comment="Avro schema as the org gave it"),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.PrimaryKeyConstraint("schema_id", name=op.f("event_schema_pkey")),
        schema="ledger",
        comment="Avro schemas that events were written with.",
    )
    op.create_table(
        "replay_position",
        sa.Column("channel", sa.Text(), nullable=False, comment="one stream of the org"),
        sa.Column(
            "holder",
            sa.Text(),
            nullable=True,
            comment="the subscriber that may store, null where none ever did",
        ),
        sa.Column(
            "replay_id",
            sa.LargeBinary(),
            nullable=True,
            comment="where the stream goes on, null before the first answer",
        ),
        sa.Column(
            "last_commit_timestamp",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="of the newest stored event, null before the first",
        ),
        sa.Column(
            "open_transaction",
            sa.Text(),
            nullable=True,
            comment="transaction stored in part, of which more may come",
        ),
        sa.Column(
            "held_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the holder took the channel",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the stream last told where it stands, null before the first answer",
        ),
        sa.PrimaryKeyConstraint("channel", name=op.f("replay_position_pkey")),
        schema="ledger",
        comment="How far each channel is stored; written with the events themselves.",
    )
    op.create_table(
        "stream_start",
        sa.Column(
            "id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order of choosing"
        ),
        sa.Column("channel", sa.Text(), nullable=False, comment="one stream of the org"),
        sa.Column("start_from", sa.Text(), nullable=False, comment="earliest or latest"),
        sa.Column(
            "reason", sa.Text(), nullable=False, comment="why it could not go on from a stored position"
        ),
        sa.Column("chosen_by", sa.Text(), nullable=False, comment="the subscriber that began there"),
        sa.Column(
            "refused_replay_id",
            sa.LargeBinary(),
            nullable=True,
            comment="position that was given up, null for a first start",
        ),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.CheckConstraint(
            "start_from IN ('earliest', 'latest')", name=op.f("stream_start_start_from_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("stream_start_pkey")),
        schema="ledger",
        comment="Every time that a stream began elsewhere than at its stored position.",
    )
    op.create_table(
        "gap",
        sa.Column("id", sa.Uuid(), nullable=False, comment="made by the ledger"),
        sa.Column("channel", sa.Text(), nullable=False, comment="the stream that has the gap"),
        sa.Column(
            "sobject",
            sa.Text(),
            nullable=True,
            comment="API name, null for every object that the channel carries",
        ),
        sa.Column("cause", sa.Text(), nullable=False, comment="why changes are missing"),
        sa.Column("detail", sa.Text(), nullable=False, comment="one sentence for people"),
        sa.Column(
            "from_timestamp",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="commits after this are in doubt, null for all of them",
        ),
        sa.Column(
            "to_timestamp",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="up to here, null while the gap still grows",
        ),
        sa.Column(
            "record_ids",
            postgresql.ARRAY(sa.Text()),
            nullable=True,
            comment="the only records in doubt, null where they are not known",
        ),
        sa.Column("replay_id", sa.LargeBinary(), nullable=True, comment="of the event that told of it"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.Column(
            "repair_state",
            sa.Text(),
            server_default="open",
            nullable=False,
            comment="open, repairing, closed",
        ),
        sa.Column(
            "repair_attempts",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="repairs begun so far",
        ),
        sa.Column("run_id", sa.Uuid(), nullable=True, comment="run of the newest repair"),
        sa.Column(
            "repair_started_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the newest repair began",
        ),
        sa.Column("repair_error", sa.Text(), nullable=True, comment="why the newest repair gave up"),
        sa.Column(
            "org_rows",
            sa.BigInteger(),
            nullable=True,
            comment="proof: the org's own count of what the gap covers",
        ),
        sa.Column(
            "rows_before",
            sa.BigInteger(),
            nullable=True,
            comment="proof: rows in the warehouse when the repair began",
        ),
        sa.Column(
            "rows_after", sa.BigInteger(), nullable=True, comment="proof: rows in the warehouse when it ended"
        ),
        sa.Column("rows_repaired", sa.BigInteger(), nullable=True, comment="proof: rows written"),
        sa.Column(
            "rows_deleted", sa.BigInteger(), nullable=True, comment="proof: rows found gone in the org"
        ),
        sa.Column(
            "closed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="ledger's clock, null while it is open",
        ),
        sa.CheckConstraint(
            "(closed_at IS NOT NULL) = (repair_state = 'closed') AND (closed_at IS NULL OR "
            "num_nulls(org_rows, rows_before, rows_after, rows_repaired, rows_deleted) = 0)",
            name=op.f("gap_proven_check"),
        ),
        sa.CheckConstraint(
            "cause IN ('gap_event', 'overflow', 'wildcard_ids', 'undecodable_event', "
            "'first_start', 'replay_id_refused', 'downtime', 'silent_stream', "
            "'allocation_spent', 'count_disagrees')",
            name=op.f("gap_cause_check"),
        ),
        sa.CheckConstraint(
            "repair_state IN ('open', 'repairing', 'closed')", name=op.f("gap_repair_state_check")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["ledger.sync_run.id"], name=op.f("gap_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("gap_pkey")),
        schema="ledger",
        comment="Changes that no stream brought, their repair, and its proof.",
    )
    op.create_index(
        "gap_open_idx",
        "gap",
        ["sobject"],
        unique=False,
        schema="ledger",
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "gap_open_idx", table_name="gap", schema="ledger", postgresql_where=sa.text("closed_at IS NULL")
    )
    op.drop_table("gap", schema="ledger")
    op.drop_table("stream_start", schema="ledger")
    op.drop_table("replay_position", schema="ledger")
    op.drop_table("event_schema", schema="ledger")
    op.drop_index(
        "change_event_pending_idx",
        table_name="change_event",
        schema="ledger",
        postgresql_where=sa.text("applied_at IS NULL"),
    )
    op.drop_index(
        op.f("change_event_channel_replay_id_event_id_idx"), table_name="change_event", schema="ledger"
    )
    op.drop_table("change_event", schema="ledger")
