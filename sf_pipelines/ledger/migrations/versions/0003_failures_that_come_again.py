"""Failed records know the run in which they failed again, and how many runs have sent them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLE, _SCHEMA = "failed_record", "ledger"
_FOREIGN_KEY = "failed_record_superseded_by_fkey"


def upgrade() -> None:
    op.add_column(
        "sync_run",
        sa.Column(
            "scope",
            sa.Text(),
            nullable=False,
            server_default="all",
            comment="loads: all rows of the source, or failed or retryable ones of earlier runs only",
        ),
        schema=_SCHEMA,
    )
    op.add_column(
        _TABLE,
        sa.Column(
            "superseded_by",
            sa.Uuid(),
            comment="later run in which the key failed again, or whose source has it no more",
        ),
        schema=_SCHEMA,
    )
    op.create_foreign_key(
        _FOREIGN_KEY,
        _TABLE,
        "sync_run",
        ["superseded_by"],
        ["id"],
        source_schema=_SCHEMA,
        referent_schema=_SCHEMA,
    )
    op.add_column(
        _TABLE,
        sa.Column(
            "run_attempt",
            sa.Integer(),
            nullable=False,
            server_default="1",
            comment="runs that have sent the key without getting it through, this one included",
        ),
        schema=_SCHEMA,
    )
    op.create_index("failed_record_open_idx", _TABLE, ["sync"], schema=_SCHEMA, postgresql_where=_is_open())


def downgrade() -> None:
    op.drop_index("failed_record_open_idx", _TABLE, schema=_SCHEMA)
    op.drop_column(_TABLE, "run_attempt", schema=_SCHEMA)
    op.drop_constraint(_FOREIGN_KEY, _TABLE, schema=_SCHEMA)
    op.drop_column(_TABLE, "superseded_by", schema=_SCHEMA)
    op.drop_column("sync_run", "scope", schema=_SCHEMA)


def _is_open() -> sa.TextClause:
    return sa.text("resolved_by IS NULL AND superseded_by IS NULL AND resent_in IS NULL")
