"""The outbox of failure notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    when = sa.DateTime(timezone=True)
    op.create_table(
        "notice",
        sa.Column("key", sa.Text(), nullable=False, comment="the same for what needs to be told once only"),
        sa.Column("channel", sa.Text(), nullable=False, comment="webhook or e-mail"),
        sa.Column("subject", sa.Text(), nullable=False, comment="one line"),
        sa.Column("body", sa.Text(), nullable=False, comment="full sentences with the next step"),
        sa.Column("url", sa.Text(), comment="page where one looks further"),
        sa.Column("filed_at", when, nullable=False, comment="when it was to be told"),
        sa.Column(
            "attempts",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="times that sending it failed",
        ),
        sa.Column("next_attempt_at", when, nullable=False, comment="not sent before this"),
        sa.Column("sent_at", when, comment="null while it waits"),
        sa.Column("error", sa.Text(), comment="why the last attempt failed, without any address"),
        sa.PrimaryKeyConstraint("key", "channel", name=op.f("notice_pkey")),
        schema="ledger",
        comment="Failures that are told to people, each once on each channel.",
    )
    op.create_index(
        "notice_waiting_idx",
        "notice",
        ["next_attempt_at"],
        schema="ledger",
        postgresql_where=sa.text("sent_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("notice", schema="ledger")
