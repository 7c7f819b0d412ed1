"""Extracts keep their parts and pages, so that the next process goes on at the last stored page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SCHEMA = "ledger"


def upgrade() -> None:
    op.add_column(
        "sync_run",
        sa.Column(
            "read_until",
            sa.DateTime(timezone=True),
            comment="extracts: what of the window is over by the org's clock, null until planned",
        ),
        schema=_SCHEMA,
    )
    _explain_declaration("hash of the sync as declared when the run began")
    _make_parts()
    _make_pages()


def downgrade() -> None:
    op.drop_table("extract_page", schema=_SCHEMA)
    op.drop_table("extract_part", schema=_SCHEMA)
    op.drop_column("sync_run", "read_until", schema=_SCHEMA)
    _explain_declaration("loads: hash of the sync as declared when the run began")


def _explain_declaration(comment: str) -> None:
    op.alter_column("sync_run", "declaration", existing_type=sa.Text(), comment=comment, schema=_SCHEMA)


def _make_parts() -> None:
    op.create_table(
        "extract_part",
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="the run it belongs to"),
        sa.Column(
            "part", sa.Integer(), nullable=False, comment="number within the run, also that of its query job"
        ),
        sa.Column("rail", sa.Text(), nullable=False, comment="rest or bulk"),
        sa.Column(
            "window_start",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="SystemModstamp from here",
        ),
        sa.Column(
            "window_end", sa.DateTime(timezone=True), nullable=False, comment="up to here, not included"
        ),
        sa.Column("id_start", sa.Text(), comment="Ids from here, null for no bound"),
        sa.Column("id_end", sa.Text(), comment="Ids up to here, not included, null for no bound"),
        sa.Column(
            "rows_counted",
            sa.BigInteger(),
            nullable=False,
            comment="as the org counted them before reading",
        ),
        sa.Column(
            "state", sa.Text(), nullable=False, comment="planned, stored (in the lake), merged or split"
        ),
        sa.Column(
            "rows_reported", sa.BigInteger(), comment="the org's own count of the result, null until stored"
        ),
        sa.Column("rows_inserted", sa.BigInteger(), comment="new keys in the warehouse, null until merged"),
        sa.Column("rows_updated", sa.BigInteger(), comment="newer rows in the warehouse, null until merged"),
        sa.Column("trouble", sa.Text(), comment="why it stands still, null where it does not"),
        sa.CheckConstraint("rail IN ('rest', 'bulk')", name=op.f("extract_part_rail_check")),
        sa.CheckConstraint(
            "state IN ('planned', 'stored', 'merged', 'split')", name=op.f("extract_part_state_check")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["ledger.sync_run.id"], name=op.f("extract_part_run_id_fkey")),
        sa.PrimaryKeyConstraint("run_id", "part", name=op.f("extract_part_pkey")),
        schema=_SCHEMA,
        comment="Rows of an extract that are read together.",
    )


def _make_pages() -> None:
    op.create_table(
        "extract_page",
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="the run it belongs to"),
        sa.Column("part", sa.Integer(), nullable=False, comment="the part it belongs to"),
        sa.Column("page", sa.Integer(), nullable=False, comment="1 for the first of the part"),
        sa.Column("locator", sa.Text(), comment="what the org is asked with, null for the whole result"),
        sa.Column("rows", sa.BigInteger(), comment="rows in the file, null until it is stored"),
        sa.Column("uri", sa.Text(), comment="the Parquet file, null until it is stored"),
        sa.Column(
            "rows_by_day",
            postgresql.JSONB(astext_type=sa.Text()),
            comment="UTC day of SystemModstamp to rows",
        ),
        sa.Column("checksum", sa.Numeric(), comment="sum over (Id, SystemModstamp) of all rows, modulo 2^64"),
        sa.Column("stored_at", sa.DateTime(timezone=True), comment="ledger's clock"),
        sa.CheckConstraint("(rows IS NULL) = (uri IS NULL)", name=op.f("extract_page_stored_check")),
        sa.ForeignKeyConstraint(
            ["run_id", "part"],
            ["ledger.extract_part.run_id", "ledger.extract_part.part"],
            name=op.f("extract_page_run_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("run_id", "part", "page", name=op.f("extract_page_pkey")),
        schema=_SCHEMA,
        comment="A page of results, and the file of the lake that holds it.",
    )
