"""Table of notices: the outbox from which failures are told, each once.

Shape only, in the same schema and metadata as `tables`. Written by `notices`.
"""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from sf_pipelines.ledger.tables import metadata

notice = Table(
    "notice",
    metadata,
    Column("key", Text, nullable=False, comment="the same for what needs to be told once only"),
    Column("channel", Text, nullable=False, comment="webhook or e-mail"),
    Column("subject", Text, nullable=False, comment="one line"),
    Column("body", Text, nullable=False, comment="full sentences with the next step"),
    Column("url", Text, comment="page where one looks further"),
    Column("filed_at", DateTime(timezone=True), nullable=False, comment="when it was to be told"),
    Column("attempts", Integer, nullable=False, server_default="0", comment="times that sending it failed"),
    Column("next_attempt_at", DateTime(timezone=True), nullable=False, comment="not sent before this"),
    Column("sent_at", DateTime(timezone=True), comment="null while it waits"),
    Column("error", Text, comment="why the last attempt failed, without any address"),
    PrimaryKeyConstraint("key", "channel"),
    Index("notice_waiting_idx", "next_attempt_at", postgresql_where=text("sent_at IS NULL")),
    comment="Failures that are told to people, each once on each channel.",
)
