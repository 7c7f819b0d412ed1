"""Tables of extracts: the parts of a run and the result pages that are in the lake.

Shapes only, in the same schema and metadata as `tables`. Written by `extract_book`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    Numeric,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from sf_pipelines.ledger.tables import metadata

PART_STATES = ("planned", "stored", "merged", "split")
"""How far a part has come; `split` was too much for the org and is done by other parts."""

extract_part = Table(
    "extract_part",
    metadata,
    Column(
        "run_id", Uuid, ForeignKey("ledger.sync_run.id"), primary_key=True, comment="the run it belongs to"
    ),
    Column("part", Integer, primary_key=True, comment="number within the run, also that of its query job"),
    Column("rail", Text, nullable=False, comment="rest or bulk"),
    Column("window_start", DateTime(timezone=True), nullable=False, comment="SystemModstamp from here"),
    Column("window_end", DateTime(timezone=True), nullable=False, comment="up to here, not included"),
    Column("id_start", Text, comment="Ids from here, null for no bound"),
    Column("id_end", Text, comment="Ids up to here, not included, null for no bound"),
    Column("rows_counted", BigInteger, nullable=False, comment="as the org counted them before reading"),
    Column("state", Text, nullable=False, comment="planned, stored (in the lake), merged or split"),
    Column("rows_reported", BigInteger, comment="the org's own count of the result, null until stored"),
    Column("rows_inserted", BigInteger, comment="new keys in the warehouse, null until merged"),
    Column("rows_updated", BigInteger, comment="newer rows in the warehouse, null until merged"),
    Column("trouble", Text, comment="why it stands still, null where it does not"),
    CheckConstraint("rail IN ('rest', 'bulk')", name="rail"),
    CheckConstraint("state IN ('planned', 'stored', 'merged', 'split')", name="state"),
    comment="Rows of an extract that are read together.",
)

extract_page = Table(
    "extract_page",
    metadata,
    Column("run_id", Uuid, primary_key=True, comment="the run it belongs to"),
    Column("part", Integer, primary_key=True, comment="the part it belongs to"),
    Column("page", Integer, primary_key=True, comment="1 for the first of the part"),
    Column("locator", Text, comment="what the org is asked with, null for the whole result"),
    Column("rows", BigInteger, comment="rows in the file, null until it is stored"),
    Column("uri", Text, comment="the Parquet file, null until it is stored"),
    Column("rows_by_day", JSONB, comment="UTC day of SystemModstamp to rows"),
    Column("checksum", Numeric, comment="sum over (Id, SystemModstamp) of all rows, modulo 2^64"),
    Column("stored_at", DateTime(timezone=True), comment="ledger's clock"),
    CheckConstraint("(rows IS NULL) = (uri IS NULL)", name="stored"),
    ForeignKeyConstraint(["run_id", "part"], ["ledger.extract_part.run_id", "ledger.extract_part.part"]),
    comment="A page of results, and the file of the lake that holds it.",
)
