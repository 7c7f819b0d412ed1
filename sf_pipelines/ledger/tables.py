"""Tables of the schema `ledger`: the durable truth of every run, decision, job and record that failed.

Shapes only. Rows are written by `verbs`, read by `queries`; changes of shape come as migrations.
"""

from __future__ import annotations

from typing import Any

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
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from sf_pipelines.model.outcome import VerdictState

SCHEMA = "ledger"

STEPS = ("intent", "created", "uploaded", "closed", "counted", "results_stored", "aborted")
"""Where a job can stand in the journal."""

UNFINISHED = ("running", "interrupted")
"""States of a run that a process works on, or that the next one takes up."""

RUN_STATES = (*UNFINISHED, *VerdictState, "error")

REQUEST_STEPS = ("intent", "stored", "unknown", "refused")
"""Where a REST write can stand: an intent without an end is as unknown as an answer that was lost."""

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)


def _text(name: str, comment: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, comment=comment)


def _rows(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0", comment=comment)


def _when(name: str, comment: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable, comment=comment)


def _json(name: str, comment: str) -> Column[Any]:
    return Column(name, JSONB, nullable=False, comment=comment)


def _run(**more: Any) -> Column[Any]:
    target = ForeignKey("ledger.sync_run.id")
    return Column("run_id", Uuid, target, nullable=False, comment="the run it belongs to", **more)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


sync_run = Table(
    "sync_run",
    metadata,
    Column("id", Uuid, primary_key=True, comment="made by the ledger when the run starts"),
    _text("sync", "name of the declared movement"),
    _text("sobject", "API name of the object"),
    _text("direction", "load or extract"),
    _text("partition_key", "Dagster partition, null for a run without", nullable=True),
    _text("dagster_run_id", "Dagster run, null outside of Dagster", nullable=True),
    _when("window_start", "extracts: SystemModstamp from here", nullable=True),
    _when("window_end", "extracts: up to here, not included", nullable=True),
    _when(
        "read_until",
        "extracts: what of the window is over by the org's clock, null until planned",
        nullable=True,
    ),
    _text("state", "running, interrupted (to be taken up), error, or the state of the verdict"),
    _text("verdict_text", "the sentence that explains the end", nullable=True),
    Column("attempts", Integer, nullable=False, server_default="1", comment="processes that worked on it"),
    Column(
        "previous_run",
        Uuid,
        ForeignKey("ledger.sync_run.id"),
        comment="run whose rows this one sends again: settled without them, or their failed records",
    ),
    Column(
        "scope",
        Text,
        nullable=False,
        server_default="all",
        comment="loads: all rows of the source, or failed or retryable ones of earlier runs only",
    ),
    _text("declaration", "hash of the sync as declared when the run began", nullable=True),
    _text("payload_sum", "inserts and deletes: sum of the hashes of all rows, in any order", nullable=True),
    _when("org_started_at", "loads: the org's clock before the first row was sent", nullable=True),
    _rows("submitted", "loads: rows sent; extracts: rows that the org reported"),
    _rows("succeeded", "loads: rows that the org took; extracts: rows written"),
    _rows("failed", "rows that the org refused"),
    _rows("unprocessed", "rows that the org never looked at"),
    _rows("created", "of the succeeded ones, records that are new in the org"),
    _rows("unchanged", "loads with only_changed: rows left out, since the org holds them already"),
    _rows("api_calls", "metered calls that the run made"),
    _when("started_at", "ledger's clock"),
    _when("finished_at", "ledger's clock, null until the run is over", nullable=True),
    _one_of("direction", ("load", "extract")),
    _one_of("state", RUN_STATES),
    CheckConstraint("(finished_at IS NULL) = (state IN ('running', 'interrupted'))", name="finished"),
    Index(None, "sync", "started_at"),
    comment="One run of one sync.",
)

run_attempt = Table(
    "run_attempt",
    metadata,
    _run(primary_key=True),
    Column("attempt", Integer, primary_key=True, comment="1 for the process that started the run"),
    _text("dagster_run_id", "Dagster run, null outside of Dagster", nullable=True),
    _when("started_at", "ledger's clock"),
    _when("ended_at", "null while it works, and for ever where it was killed", nullable=True),
    _text("error", "why it gave up, null where it saw the run to its end", nullable=True),
    Column("rail_failed", Boolean, comment="whether the rail broke it off; null where that is not known"),
    comment="One process that worked on a run.",
)

load_chunk = Table(
    "load_chunk",
    metadata,
    _run(primary_key=True),
    Column("chunk", Integer, primary_key=True, comment="number of the chunk within the run"),
    Column("attempt", Integer, nullable=False, comment="2 and more where its rows were sent before"),
    _text("rail", "rest, bulk, or none for rows that are refused before sending"),
    _rows("rows", "rows of the chunk"),
    _rows("bytes_raw", "uncompressed CSV in bytes; of a REST call, its share of the file"),
    _text("payload_path", "file that holds the rows"),
    Column("first_row", BigInteger, nullable=False, comment="rows of the file before this chunk's"),
    Column("collection_rows", Integer, comment="rows of one Collections request, null on the Bulk rail"),
    Column("is_after", Boolean, nullable=False, comment="goes only when all chunks before it have ended"),
    _one_of("rail", ("rest", "bulk", "none")),
    comment="What travels as one Bulk job or one REST call, known before anything is sent.",
)

decision = Table(
    "decision",
    metadata,
    Column("id", Uuid, primary_key=True, comment="made by the ledger"),
    _run(),
    _text("action", "run, throttle, defer or refuse"),
    _text("rail", "rest, bulk or cdc; null when the action is not to run", nullable=True),
    Column("forced", Boolean, nullable=False, comment="a person asked for this rail"),
    _json("because", "reasons, the weightiest first"),
    _json("rejected", "rail to the reason why it lost"),
    _json("costs", "rail to calls, jobs, batches, bytes, seconds"),
    _json("inputs", "slice and headroom as they were"),
    _when("decided_at", "time of the inputs"),
    _when("defer_until", "when to ask again", nullable=True),
    Index(None, "run_id"),
    comment="Which rail, why, and why not the others.",
)

bulk_job = Table(
    "bulk_job",
    metadata,
    Column("id", Uuid, primary_key=True, comment="journal id, made by the ledger before the job exists"),
    _run(),
    _text("sobject", "API name of the object"),
    _text("operation", "Salesforce's word for what the job does"),
    Column("chunk", Integer, nullable=False, comment="number of the chunk within the run"),
    _text("job_id", "id in the org, null until created", nullable=True),
    _text("step", "how far the job has come, written before the next call"),
    _rows("rows", "rows of the chunk, or expected rows of a query"),
    _rows("bytes_raw", "uncompressed CSV in bytes"),
    _text("payload_path", "file with the rows, null for a query", nullable=True),
    _text("org_state", "terminal state in the org", nullable=True),
    Column("records_processed", BigInteger, comment="the org's counter, failed rows included"),
    Column("records_failed", BigInteger, comment="the org's counter"),
    Column("processing_milliseconds", BigInteger, comment="the org's own figure"),
    _text("error_message", "why the org, or we, gave the job up", nullable=True),
    _when("intended_at", "before the first call"),
    _when("stepped_at", "time of the last step"),
    _one_of("step", STEPS),
    CheckConstraint("job_id IS NOT NULL OR step IN ('intent', 'aborted')", name="job_id"),
    # an aborted job may be done again, as a new job for the same chunk
    Index(None, "run_id", "chunk", unique=True, postgresql_where=text("step <> 'aborted'")),
    Index(None, "job_id"),
    comment="Journal of the Bulk API 2.0 jobs.",
)

rest_request = Table(
    "rest_request",
    metadata,
    Column("id", Uuid, primary_key=True, comment="made by the ledger before the request is sent"),
    _run(),
    Column("chunk", Integer, nullable=False, comment="number of the chunk within the run"),
    _text("step", "intent, stored, unknown or refused"),
    _text("request_id", "X-Request-Id that the client gave, null until there is an end", nullable=True),
    _text("error_message", "why there is no answer to count, null where there is one", nullable=True),
    _when("intended_at", "before the call"),
    _when("ended_at", "time of the last step", nullable=True),
    _one_of("step", REQUEST_STEPS),
    Index(None, "run_id", "chunk"),
    comment="Journal of the REST writes.",
)

foreign_job = Table(
    "foreign_job",
    metadata,
    Column("job_id", Text, primary_key=True, comment="id in the org"),
    _text("sobject", "API name of the object"),
    _text("operation", "Salesforce's word for what the job did"),
    _text("created_by", "id of the org's user", nullable=True),
    _text("org_state", "terminal state in the org"),
    _rows("records_processed", "the org's counter, failed rows included"),
    _rows("records_failed", "the org's counter"),
    _when("seen_at", "ledger's clock"),
    comment="Finished ingest jobs of the org that no run of ours made.",
)

outcome_summary = Table(
    "outcome_summary",
    metadata,
    _run(primary_key=True),
    Column("chunk", Integer, primary_key=True, comment="number of the chunk within the run"),
    _text("rail", "rail that carried it"),
    _rows("submitted", "rows sent"),
    _rows("succeeded", "rows that the org took"),
    _rows("failed", "rows that the org refused"),
    _rows("unprocessed", "rows that the org never looked at"),
    _rows("created", "of the succeeded ones, records that are new in the org"),
    Column("accounted", Boolean, nullable=False, comment="the end of every submitted row is known"),
    _json("errors", "error code to rows"),
    Column(
        "disagreements",
        JSONB,
        nullable=False,
        server_default="[]",
        comment="what contradicts the counted rows, with both numbers",
    ),
    _when("stored_at", "ledger's clock"),
    CheckConstraint("accounted = (submitted = succeeded + failed + unprocessed)", name="accounted"),
    comment="What became of the rows of one chunk.",
)

failed_record = Table(
    "failed_record",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True, comment="order of storing"),
    _run(),
    _text("sync", "that of the run, repeated for the search by sync and code"),
    _text("source_key", "value of the sync's key field"),
    _text("payload_hash", "hash of the values, hexadecimal"),
    _json("values", "the row as sent, field to text"),
    Column("chunk", Integer, nullable=False, comment="number of the chunk within the run"),
    _text("job_id", "Bulk job in the org, null on the REST rail", nullable=True),
    _text("request_id", "REST request, null on the Bulk rail", nullable=True),
    Column("attempt", Integer, nullable=False, server_default="1", comment="first time is 1"),
    _text("state", "failed or unprocessed"),
    _text("code", "Salesforce's error code"),
    _text("message", "Salesforce's text"),
    _json("fields", "fields that the org names"),
    _text("class", "kind of failure, says whether a retry is safe; null until classified", nullable=True),
    _when("failed_at", "ledger's clock"),
    _when("next_attempt_at", "when to send it again, null for never or not yet known", nullable=True),
    Column("resent_in", Integer, comment="attempt of the same run that sent it again, null for the last"),
    Column("resolved_by", Uuid, ForeignKey("ledger.sync_run.id"), comment="run that got the row through"),
    Column(
        "superseded_by",
        Uuid,
        ForeignKey("ledger.sync_run.id"),
        comment="later run in which the key failed again, or whose source has it no more",
    ),
    Column(
        "run_attempt",
        Integer,
        nullable=False,
        server_default="1",
        comment="runs that have sent the key without getting it through, this one included",
    ),
    _one_of("state", ("failed", "unprocessed")),
    Index(None, "run_id", "chunk"),
    Index(None, "sync", "code"),
    Index(None, "source_key"),
    Index(
        None,
        "sync",
        "next_attempt_at",
        postgresql_where=text("resolved_by IS NULL AND next_attempt_at IS NOT NULL"),
    ),
    Index(
        "failed_record_open_idx",
        "sync",
        postgresql_where=text("resolved_by IS NULL AND superseded_by IS NULL AND resent_in IS NULL"),
    ),
    comment="Every record that did not reach the org, with what is needed to mend and re-send it.",
)

accepted_row = Table(
    "accepted_row",
    metadata,
    Column("sync", Text, primary_key=True, comment="name of the declared movement"),
    Column("key_digest", LargeBinary, primary_key=True, comment="digest of the key, 16 bytes"),
    Column("payload_digest", LargeBinary, nullable=False, comment="digest of the whole row, 16 bytes"),
    Column("run_id", Uuid, nullable=False, comment="run that got the row through"),
    comment="What the org last accepted for a key: loads with only_changed leave such rows out.",
)
