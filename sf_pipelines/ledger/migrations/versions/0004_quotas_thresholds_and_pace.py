"""Quotas, reservations, thresholds and pace of the rail policy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quota_outlook",
        sa.Column("budget", sa.Text(), nullable=False, comment="name of the quota in /limits"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, comment="start of the curve"),
        sa.Column(
            "curve",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="expected change and its error by hours ahead",
        ),
        sa.PrimaryKeyConstraint("budget", name=op.f("quota_outlook_pkey")),
        schema="ledger",
        comment="The newest forecast of each quota.",
    )
    op.create_table(
        "quota_snapshot",
        sa.Column(
            "id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order of storing"
        ),
        sa.Column("budget", sa.Text(), nullable=False, comment="name of the quota in /limits"),
        sa.Column("maximum", sa.BigInteger(), nullable=False, comment="what the org grants in 24 hours"),
        sa.Column(
            "remaining", sa.BigInteger(), nullable=False, comment="what is left, as told, even if negative"
        ),
        sa.Column(
            "taken_at", sa.DateTime(timezone=True), nullable=False, comment="our clock when the answer came"
        ),
        sa.Column(
            "source", sa.Text(), nullable=False, comment="limits, or answer for a header of any answer"
        ),
        sa.CheckConstraint("source IN ('limits', 'answer')", name=op.f("quota_snapshot_source_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("quota_snapshot_pkey")),
        schema="ledger",
        comment="Readings of the org's quotas.",
    )
    op.create_index(
        op.f("quota_snapshot_budget_taken_at_idx"),
        "quota_snapshot",
        ["budget", "taken_at"],
        unique=False,
        schema="ledger",
    )
    op.create_table(
        "threshold",
        sa.Column(
            "id", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order of setting"
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="which knob of the rail policy"),
        sa.Column("value", sa.Double(), nullable=False, comment="holds from the next decision on"),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.Column("set_by", sa.Text(), nullable=False, comment="who set it"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why"),
        sa.CheckConstraint("reason <> '' AND set_by <> ''", name=op.f("threshold_explained_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("threshold_pkey")),
        schema="ledger",
        comment="Thresholds of the rail policy; the newest row of a name is in force.",
    )
    op.create_index(op.f("threshold_name_id_idx"), "threshold", ["name", "id"], unique=False, schema="ledger")
    op.create_table(
        "token_bucket",
        sa.Column("name", sa.Text(), nullable=False, comment="what is paced"),
        sa.Column(
            "tokens",
            sa.Double(),
            nullable=False,
            comment="calls that may be made at once; debts are negative",
        ),
        sa.Column("per_minute", sa.Double(), nullable=False, comment="how fast tokens come back"),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=False, comment="when `tokens` was true"),
        sa.CheckConstraint("per_minute > 0", name=op.f("token_bucket_pace_check")),
        sa.PrimaryKeyConstraint("name", name=op.f("token_bucket_pkey")),
        schema="ledger",
        comment="The pace that all throttled runs of an org share.",
    )
    op.create_table(
        "deferral",
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="the run that was not sent"),
        sa.Column("sync", sa.Text(), nullable=False, comment="name of the declared movement"),
        sa.Column(
            "partition_key", sa.Text(), nullable=True, comment="Dagster partition, null for a run without"
        ),
        sa.Column("defer_until", sa.DateTime(timezone=True), nullable=False, comment="when to ask again"),
        sa.Column("sentence", sa.Text(), nullable=False, comment="why it was deferred"),
        sa.Column(
            "slice",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the work, for the next decision",
        ),
        sa.Column("deferred_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.Column(
            "released_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the forecast let it go, null before",
        ),
        sa.ForeignKeyConstraint(["run_id"], ["ledger.sync_run.id"], name=op.f("deferral_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("deferral_pkey")),
        schema="ledger",
        comment="Work that the policy put off.",
    )
    op.create_index(
        "deferral_sync_idx",
        "deferral",
        ["sync", "partition_key", "deferred_at"],
        unique=False,
        schema="ledger",
    )
    op.create_table(
        "quota_reservation",
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="the run that may use it"),
        sa.Column("budget", sa.Text(), nullable=False, comment="name of the quota in /limits"),
        sa.Column(
            "amount", sa.BigInteger(), nullable=False, comment="units promised before the run sent anything"
        ),
        sa.Column("used", sa.BigInteger(), server_default="0", nullable=False, comment="units used so far"),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False, comment="when `used` was true"),
        sa.Column(
            "used_before", sa.BigInteger(), server_default="0", nullable=False, comment="an earlier `used`"
        ),
        sa.Column(
            "before_at", sa.DateTime(timezone=True), nullable=False, comment="when `used_before` was true"
        ),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.Column(
            "lease_until", sa.DateTime(timezone=True), nullable=False, comment="past here the run is dead"
        ),
        sa.Column(
            "settled_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="end of the run, null while it may still use more",
        ),
        sa.CheckConstraint(
            "amount >= 0 AND used >= 0 AND used_before >= 0", name=op.f("quota_reservation_units_check")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["ledger.sync_run.id"], name=op.f("quota_reservation_run_id_fkey")
        ),
        sa.PrimaryKeyConstraint("run_id", "budget", name=op.f("quota_reservation_pkey")),
        schema="ledger",
        comment="Parts of the quotas that runs are entitled to.",
    )
    op.create_index(
        op.f("quota_reservation_budget_settled_at_idx"),
        "quota_reservation",
        ["budget", "settled_at"],
        unique=False,
        schema="ledger",
    )
    op.create_index(
        "quota_reservation_live_idx",
        "quota_reservation",
        ["budget"],
        unique=False,
        schema="ledger",
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.alter_column(
        "decision",
        "action",
        existing_type=sa.TEXT(),
        comment="run, throttle, defer or refuse",
        existing_comment="run, defer or refuse",
        existing_nullable=False,
        schema="ledger",
    )
    op.create_index(
        "sync_run_sobject_started_at_idx",
        "sync_run",
        ["sobject", "started_at"],
        unique=False,
        schema="ledger",
    )


def downgrade() -> None:
    op.drop_index("sync_run_sobject_started_at_idx", table_name="sync_run", schema="ledger")
    op.alter_column(
        "decision",
        "action",
        existing_type=sa.TEXT(),
        comment="run, defer or refuse",
        existing_comment="run, throttle, defer or refuse",
        existing_nullable=False,
        schema="ledger",
    )
    op.drop_index(
        "quota_reservation_live_idx",
        table_name="quota_reservation",
        schema="ledger",
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.drop_index(
        op.f("quota_reservation_budget_settled_at_idx"), table_name="quota_reservation", schema="ledger"
    )
    op.drop_table("quota_reservation", schema="ledger")
    op.drop_index("deferral_sync_idx", table_name="deferral", schema="ledger")
    op.drop_table("deferral", schema="ledger")
    op.drop_table("token_bucket", schema="ledger")
    op.drop_index(op.f("threshold_name_id_idx"), table_name="threshold", schema="ledger")
    op.drop_table("threshold", schema="ledger")
    op.drop_index(op.f("quota_snapshot_budget_taken_at_idx"), table_name="quota_snapshot", schema="ledger")
    op.drop_table("quota_snapshot", schema="ledger")
    op.drop_table("quota_outlook", schema="ledger")
