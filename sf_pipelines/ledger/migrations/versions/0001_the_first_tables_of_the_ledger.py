"""The first tables of the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sync_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sync", sa.Text(), nullable=False),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("partition_key", sa.Text(), nullable=True),
        sa.Column("dagster_run_id", sa.Text(), nullable=True),
        sa.Column(
            "window_start",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="extracts: SystemModstamp from here",
        ),
        sa.Column(
            "window_end",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="extracts: up to here, not included",
        ),
        sa.Column("state", sa.Text(), nullable=False, comment="running, error, or the state of the verdict"),
        sa.Column("verdict_text", sa.Text(), nullable=True, comment="the sentence that explains the end"),
        sa.Column("submitted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("succeeded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unprocessed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("api_calls", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True, comment="null while running"),
        sa.CheckConstraint("direction IN ('load', 'extract')", name=op.f("sync_run_direction_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("sync_run_pkey")),
        schema="ledger",
    )
    op.create_index(
        op.f("sync_run_sync_started_at_idx"),
        "sync_run",
        ["sync", "started_at"],
        unique=False,
        schema="ledger",
    )
    op.create_table(
        "bulk_job",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sync_run_id", sa.Uuid(), nullable=False),
        sa.Column("sobject", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True, comment="id in the org, null until created"),
        sa.Column(
            "step",
            sa.Text(),
            nullable=False,
            comment="how far the job has come, written before the next call",
        ),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes_raw", sa.BigInteger(), nullable=False),
        sa.Column("payload_path", sa.Text(), nullable=True),
        sa.Column("org_state", sa.Text(), nullable=True, comment="terminal state in the org"),
        sa.Column("records_processed", sa.BigInteger(), nullable=True),
        sa.Column("records_failed", sa.BigInteger(), nullable=True),
        sa.Column("processing_milliseconds", sa.BigInteger(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False, comment="before the first call"),
        sa.Column("stepped_at", sa.DateTime(timezone=True), nullable=False, comment="last step"),
        sa.CheckConstraint(
            "step IN ('intent', 'created', 'uploaded', 'closed', 'counted', 'results_stored', 'aborted')",
            name=op.f("bulk_job_step_check"),
        ),
        sa.ForeignKeyConstraint(
            ["sync_run_id"], ["ledger.sync_run.id"], name=op.f("bulk_job_sync_run_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("bulk_job_pkey")),
        sa.UniqueConstraint("sync_run_id", "chunk", name=op.f("bulk_job_sync_run_id_chunk_key")),
        schema="ledger",
    )
    op.create_index(op.f("bulk_job_job_id_idx"), "bulk_job", ["job_id"], unique=False, schema="ledger")
    op.create_table(
        "decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sync_run_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("rail", sa.Text(), nullable=True, comment="null when the action is not to run"),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column(
            "because",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="reasons, the weightiest first",
        ),
        sa.Column(
            "rejected",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="rail to the reason why it lost",
        ),
        sa.Column(
            "costs",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="rail to calls, jobs, batches, bytes, seconds",
        ),
        sa.Column(
            "inputs",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="slice and headroom as they were",
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False, comment="time of the inputs"),
        sa.Column("defer_until", sa.DateTime(timezone=True), nullable=True, comment="when to ask again"),
        sa.ForeignKeyConstraint(
            ["sync_run_id"], ["ledger.sync_run.id"], name=op.f("decision_sync_run_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("decision_pkey")),
        schema="ledger",
    )
    op.create_index(
        op.f("decision_sync_run_id_idx"), "decision", ["sync_run_id"], unique=False, schema="ledger"
    )
    op.create_table(
        "failed_record",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sync_run_id", sa.Uuid(), nullable=False),
        sa.Column("sync", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("payload_hash", sa.Text(), nullable=False),
        sa.Column(
            "values",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the row as sent, field to text",
        ),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=True, comment="Bulk job in the org"),
        sa.Column("request_id", sa.Text(), nullable=True, comment="REST request"),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="failed or unprocessed"),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column(
            "fields",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="fields that the org names",
        ),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.ForeignKeyConstraint(
            ["sync_run_id"], ["ledger.sync_run.id"], name=op.f("failed_record_sync_run_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("failed_record_pkey")),
        schema="ledger",
    )
    op.create_index(
        op.f("failed_record_source_key_idx"), "failed_record", ["source_key"], unique=False, schema="ledger"
    )
    op.create_index(
        op.f("failed_record_sync_code_idx"), "failed_record", ["sync", "code"], unique=False, schema="ledger"
    )
    op.create_index(
        op.f("failed_record_sync_run_id_chunk_idx"),
        "failed_record",
        ["sync_run_id", "chunk"],
        unique=False,
        schema="ledger",
    )
    op.create_table(
        "outcome_summary",
        sa.Column("sync_run_id", sa.Uuid(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("rail", sa.Text(), nullable=False),
        sa.Column("submitted", sa.BigInteger(), nullable=False),
        sa.Column("succeeded", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("unprocessed", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column(
            "errors", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="error code to rows"
        ),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.ForeignKeyConstraint(
            ["sync_run_id"], ["ledger.sync_run.id"], name=op.f("outcome_summary_sync_run_id_fkey")
        ),
        sa.PrimaryKeyConstraint("sync_run_id", "chunk", name=op.f("outcome_summary_pkey")),
        schema="ledger",
    )


def downgrade() -> None:
    op.drop_table("outcome_summary", schema="ledger")
    op.drop_index(op.f("failed_record_sync_run_id_chunk_idx"), table_name="failed_record", schema="ledger")
    op.drop_index(op.f("failed_record_sync_code_idx"), table_name="failed_record", schema="ledger")
    op.drop_index(op.f("failed_record_source_key_idx"), table_name="failed_record", schema="ledger")
    op.drop_table("failed_record", schema="ledger")
    op.drop_index(op.f("decision_sync_run_id_idx"), table_name="decision", schema="ledger")
    op.drop_table("decision", schema="ledger")
    op.drop_index(op.f("bulk_job_job_id_idx"), table_name="bulk_job", schema="ledger")
    op.drop_table("bulk_job", schema="ledger")
    op.drop_index(op.f("sync_run_sync_started_at_idx"), table_name="sync_run", schema="ledger")
    op.drop_table("sync_run", schema="ledger")
