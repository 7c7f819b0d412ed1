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
        sa.Column("id", sa.Uuid(), nullable=False, comment="made by the ledger when the run starts"),
        sa.Column("sync", sa.Text(), nullable=False, comment="name of the declared movement"),
        sa.Column("sobject", sa.Text(), nullable=False, comment="API name of the object"),
        sa.Column("direction", sa.Text(), nullable=False, comment="load or extract"),
        sa.Column(
            "partition_key", sa.Text(), nullable=True, comment="Dagster partition, null for a run without"
        ),
        sa.Column("dagster_run_id", sa.Text(), nullable=True, comment="Dagster run, null outside of Dagster"),
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
        sa.Column(
            "submitted",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="loads: rows sent; extracts: rows that the org reported",
        ),
        sa.Column(
            "succeeded",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="loads: rows that the org took; extracts: rows written",
        ),
        sa.Column(
            "failed", sa.BigInteger(), server_default="0", nullable=False, comment="rows that the org refused"
        ),
        sa.Column(
            "unprocessed",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="rows that the org never looked at",
        ),
        sa.Column(
            "created",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="of the succeeded ones, records that are new in the org",
        ),
        sa.Column(
            "api_calls",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="metered calls that the run made",
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="ledger's clock, null while running",
        ),
        sa.CheckConstraint(
            "(finished_at IS NULL) = (state = 'running')", name=op.f("sync_run_finished_check")
        ),
        sa.CheckConstraint("direction IN ('load', 'extract')", name=op.f("sync_run_direction_check")),
        sa.CheckConstraint(
            "state IN ('running', 'complete', 'rejects_within_tolerance', "
            "'rejects_beyond_tolerance', 'rows_unaccounted', 'error')",
            name=op.f("sync_run_state_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("sync_run_pkey")),
        schema="ledger",
        comment="One run of one sync.",
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
        sa.Column(
            "id", sa.Uuid(), nullable=False, comment="journal id, made by the ledger before the job exists"
        ),
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="the run it belongs to"),
        sa.Column("sobject", sa.Text(), nullable=False, comment="API name of the object"),
        sa.Column("operation", sa.Text(), nullable=False, comment="Salesforce's word for what the job does"),
        sa.Column("chunk", sa.Integer(), nullable=False, comment="number of the chunk within the run"),
        sa.Column("job_id", sa.Text(), nullable=True, comment="id in the org, null until created"),
        sa.Column(
            "step",
            sa.Text(),
            nullable=False,
            comment="how far the job has come, written before the next call",
        ),
        sa.Column(
            "rows",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="rows of the chunk, or expected rows of a query",
        ),
        sa.Column(
            "bytes_raw",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="uncompressed CSV in bytes",
        ),
        sa.Column("payload_path", sa.Text(), nullable=True, comment="file with the rows, null for a query"),
        sa.Column("org_state", sa.Text(), nullable=True, comment="terminal state in the org"),
        sa.Column(
            "records_processed",
            sa.BigInteger(),
            nullable=True,
            comment="the org's counter, failed rows included",
        ),
        sa.Column("records_failed", sa.BigInteger(), nullable=True, comment="the org's counter"),
        sa.Column("processing_milliseconds", sa.BigInteger(), nullable=True, comment="the org's own figure"),
        sa.Column("error_message", sa.Text(), nullable=True, comment="why the org, or we, gave the job up"),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False, comment="before the first call"),
        sa.Column("stepped_at", sa.DateTime(timezone=True), nullable=False, comment="time of the last step"),
        sa.CheckConstraint(
            "job_id IS NOT NULL OR step IN ('intent', 'aborted')", name=op.f("bulk_job_job_id_check")
        ),
        sa.CheckConstraint(
            "step IN ('intent', 'created', 'uploaded', 'closed', 'counted', 'results_stored', 'aborted')",
            name=op.f("bulk_job_step_check"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["ledger.sync_run.id"], name=op.f("bulk_job_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("bulk_job_pkey")),
        schema="ledger",
        comment="Journal of the Bulk API 2.0 jobs.",
    )
    op.create_index(op.f("bulk_job_job_id_idx"), "bulk_job", ["job_id"], unique=False, schema="ledger")
    op.create_index(
        op.f("bulk_job_run_id_chunk_idx"),
        "bulk_job",
        ["run_id", "chunk"],
        unique=True,
        schema="ledger",
        postgresql_where=sa.text("step <> 'aborted'"),
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.Uuid(), nullable=False, comment="made by the ledger"),
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="the run it belongs to"),
        sa.Column("action", sa.Text(), nullable=False, comment="run, defer or refuse"),
        sa.Column(
            "rail", sa.Text(), nullable=True, comment="rest, bulk or cdc; null when the action is not to run"
        ),
        sa.Column("forced", sa.Boolean(), nullable=False, comment="a person asked for this rail"),
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
        sa.ForeignKeyConstraint(["run_id"], ["ledger.sync_run.id"], name=op.f("decision_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("decision_pkey")),
        schema="ledger",
        comment="Which rail, why, and why not the others.",
    )
    op.create_index(op.f("decision_run_id_idx"), "decision", ["run_id"], unique=False, schema="ledger")
    op.create_table(
        "failed_record",
        sa.Column(
            "id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order of storing"
        ),
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="the run it belongs to"),
        sa.Column(
            "sync",
            sa.Text(),
            nullable=False,
            comment="that of the run, repeated for the search by sync and code",
        ),
        sa.Column("source_key", sa.Text(), nullable=False, comment="value of the sync's key field"),
        sa.Column("payload_hash", sa.Text(), nullable=False, comment="hash of the values, hexadecimal"),
        sa.Column(
            "values",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the row as sent, field to text",
        ),
        sa.Column("chunk", sa.Integer(), nullable=False, comment="number of the chunk within the run"),
        sa.Column("job_id", sa.Text(), nullable=True, comment="Bulk job in the org, null on the REST rail"),
        sa.Column("request_id", sa.Text(), nullable=True, comment="REST request, null on the Bulk rail"),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False, comment="first time is 1"),
        sa.Column("state", sa.Text(), nullable=False, comment="failed or unprocessed"),
        sa.Column("code", sa.Text(), nullable=False, comment="Salesforce's error code"),
        sa.Column("message", sa.Text(), nullable=False, comment="Salesforce's text"),
        sa.Column(
            "fields",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="fields that the org names",
        ),
        sa.Column(
            "class",
            sa.Text(),
            nullable=True,
            comment="kind of failure, says whether a retry is safe; null until classified",
        ),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.Column(
            "next_attempt_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when to send it again, null for never or not yet known",
        ),
        sa.Column("resolved_by", sa.Uuid(), nullable=True, comment="run that got the row through"),
        sa.CheckConstraint("state IN ('failed', 'unprocessed')", name=op.f("failed_record_state_check")),
        sa.ForeignKeyConstraint(
            ["resolved_by"], ["ledger.sync_run.id"], name=op.f("failed_record_resolved_by_fkey")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["ledger.sync_run.id"], name=op.f("failed_record_run_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("failed_record_pkey")),
        schema="ledger",
        comment="Every record that did not reach the org, with what is needed to mend and re-send it.",
    )
    op.create_index(
        op.f("failed_record_run_id_chunk_idx"),
        "failed_record",
        ["run_id", "chunk"],
        unique=False,
        schema="ledger",
    )
    op.create_index(
        op.f("failed_record_source_key_idx"), "failed_record", ["source_key"], unique=False, schema="ledger"
    )
    op.create_index(
        op.f("failed_record_sync_code_idx"), "failed_record", ["sync", "code"], unique=False, schema="ledger"
    )
    op.create_table(
        "outcome_summary",
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="the run it belongs to"),
        sa.Column("chunk", sa.Integer(), nullable=False, comment="number of the chunk within the run"),
        sa.Column("rail", sa.Text(), nullable=False, comment="rail that carried it"),
        sa.Column("submitted", sa.BigInteger(), server_default="0", nullable=False, comment="rows sent"),
        sa.Column(
            "succeeded", sa.BigInteger(), server_default="0", nullable=False, comment="rows that the org took"
        ),
        sa.Column(
            "failed", sa.BigInteger(), server_default="0", nullable=False, comment="rows that the org refused"
        ),
        sa.Column(
            "unprocessed",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="rows that the org never looked at",
        ),
        sa.Column(
            "created",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="of the succeeded ones, records that are new in the org",
        ),
        sa.Column(
            "accounted", sa.Boolean(), nullable=False, comment="the end of every submitted row is known"
        ),
        sa.Column(
            "errors", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="error code to rows"
        ),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.CheckConstraint(
            "accounted = (submitted = succeeded + failed + unprocessed)",
            name=op.f("outcome_summary_accounted_check"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["ledger.sync_run.id"], name=op.f("outcome_summary_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", "chunk", name=op.f("outcome_summary_pkey")),
        schema="ledger",
        comment="What became of the rows of one chunk.",
    )


def downgrade() -> None:
    op.drop_table("outcome_summary", schema="ledger")
    op.drop_index(op.f("failed_record_sync_code_idx"), table_name="failed_record", schema="ledger")
    op.drop_index(op.f("failed_record_source_key_idx"), table_name="failed_record", schema="ledger")
    op.drop_index(op.f("failed_record_run_id_chunk_idx"), table_name="failed_record", schema="ledger")
    op.drop_table("failed_record", schema="ledger")
    op.drop_index(op.f("decision_run_id_idx"), table_name="decision", schema="ledger")
    op.drop_table("decision", schema="ledger")
    op.drop_index(
        op.f("bulk_job_run_id_chunk_idx"),
        table_name="bulk_job",
        schema="ledger",
        postgresql_where=sa.text("step <> 'aborted'"),
    )
    op.drop_index(op.f("bulk_job_job_id_idx"), table_name="bulk_job", schema="ledger")
    op.drop_table("bulk_job", schema="ledger")
    op.drop_index(op.f("sync_run_sync_started_at_idx"), table_name="sync_run", schema="ledger")
    op.drop_table("sync_run", schema="ledger")
