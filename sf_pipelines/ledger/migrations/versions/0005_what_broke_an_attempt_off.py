"""Whether the rail broke an attempt off: an error of lake or ledger says nothing about the rail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "run_attempt",
        sa.Column(
            "rail_failed",
            sa.Boolean(),
            nullable=True,
            comment="whether the rail broke it off; null where that is not known",
        ),
        schema="ledger",
    )


def downgrade() -> None:
    op.drop_column("run_attempt", "rail_failed", schema="ledger")
