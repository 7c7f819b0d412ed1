"""Tables of the schema `ledger`: the durable truth of every run, decision, job and record that failed.

Shapes only. Rows are written by `verbs`, read by `queries`; changes of shape come as migrations.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "ledger"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)


def _when(name: str, *, comment: str, nullable: bool = True) -> Column[datetime]:
    return Column(name, DateTime(timezone=True), nullable=nullable, comment=comment)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


sync_run = Table(
    "sync_run",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sync", Text, nullable=False),
    Column("sobject", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("partition_key", Text),
    Column("dagster_run_id", Text),
    _when("window_start", comment="extracts: SystemModstamp from here"),
    _when("window_end", comment="extracts: up to here, not included"),
    Column("state", Text, nullable=False, comment="running, error, or the state of the verdict"),
    Column("verdict_text", Text, comment="the sentence that explains the end"),
    _count("submitted"),
    _count("succeeded"),
    _count("failed"),
    _count("unprocessed"),
    _count("created"),
    _count("api_calls"),
    _when("started_at", comment="ledger's clock", nullable=False),
    _when("finished_at", comment="null while running"),
    CheckConstraint("direction IN ('load', 'extract')", name="direction"),
    Index(None, "sync", "started_at"),
)

decision = Table(
    "decision",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sync_run_id", Uuid, ForeignKey(sync_run.c.id), nullable=False),
    Column("action", Text, nullable=False),
    Column("rail", Text, comment="null when the action is not to run"),
    Column("forced", Boolean, nullable=False),
    Column("because", JSONB, nullable=False, comment="reasons, the weightiest first"),
    Column("rejected", JSONB, nullable=False, comment="rail to the reason why it lost"),
    Column("costs", JSONB, nullable=False, comment="rail to calls, jobs, batches, bytes, seconds"),
    Column("inputs", JSONB, nullable=False, comment="slice and headroom as they were"),
    _when("decided_at", comment="time of the inputs", nullable=False),
    _when("defer_until", comment="when to ask again"),
    Index(None, "sync_run_id"),
)

bulk_job = Table(
    "bulk_job",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sync_run_id", Uuid, ForeignKey(sync_run.c.id), nullable=False),
    Column("sobject", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("chunk", Integer, nullable=False),
    Column("job_id", Text, comment="id in the org, null until created"),
    Column("step", Text, nullable=False, comment="how far the job has come, written before the next call"),
    Column("rows", BigInteger, nullable=False),
    Column("bytes_raw", BigInteger, nullable=False),
    Column("payload_path", Text),
    Column("org_state", Text, comment="terminal state in the org"),
    Column("records_processed", BigInteger),
    Column("records_failed", BigInteger),
    Column("processing_milliseconds", BigInteger),
    Column("error_message", Text),
    _when("intended_at", comment="before the first call", nullable=False),
    _when("stepped_at", comment="last step", nullable=False),
    CheckConstraint(
        "step IN ('intent', 'created', 'uploaded', 'closed', 'counted', 'results_stored', 'aborted')",
        name="step",
    ),
    UniqueConstraint("sync_run_id", "chunk"),
    Index(None, "job_id"),
)

outcome_summary = Table(
    "outcome_summary",
    metadata,
    Column("sync_run_id", Uuid, ForeignKey(sync_run.c.id), primary_key=True),
    Column("chunk", Integer, primary_key=True),
    Column("rail", Text, nullable=False),
    Column("submitted", BigInteger, nullable=False),
    Column("succeeded", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("unprocessed", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("errors", JSONB, nullable=False, comment="error code to rows"),
    _when("stored_at", comment="ledger's clock", nullable=False),
)

failed_record = Table(
    "failed_record",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("sync_run_id", Uuid, ForeignKey(sync_run.c.id), nullable=False),
    Column("sync", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("payload_hash", Text, nullable=False),
    Column("values", JSONB, nullable=False, comment="the row as sent, field to text"),
    Column("chunk", Integer, nullable=False),
    Column("job_id", Text, comment="Bulk job in the org"),
    Column("request_id", Text, comment="REST request"),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False, comment="failed or unprocessed"),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("fields", JSONB, nullable=False, comment="fields that the org names"),
    _when("failed_at", comment="ledger's clock", nullable=False),
    Index(None, "sync_run_id", "chunk"),
    Index(None, "sync", "code"),
    Index(None, "source_key"),
)
