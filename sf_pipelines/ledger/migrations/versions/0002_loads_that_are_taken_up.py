"""Loads that are taken up: attempts, chunks, REST journal, retries, what the org last accepted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATES = (
    "running",
    "interrupted",
    "complete",
    "rejects_within_tolerance",
    "rejects_beyond_tolerance",
    "rows_unaccounted",
    "counters_disagree",
    "error",
)
_OLD_STATES = tuple(state for state in _STATES if state not in ("interrupted", "counters_disagree"))


def upgrade() -> None:
    _widen_runs()
    _make_attempts_and_chunks()
    _make_journals()
    op.add_column(
        "outcome_summary",
        sa.Column(
            "disagreements",
            postgresql.JSONB(),
            nullable=False,
            server_default="[]",
            comment="what contradicts the counted rows, with both numbers",
        ),
        schema="ledger",
    )
    op.add_column(
        "failed_record",
        sa.Column(
            "resent_in",
            sa.Integer(),
            comment="attempt of the same run that sent it again, null for the last",
        ),
        schema="ledger",
    )
    op.create_index(
        op.f("failed_record_sync_next_attempt_at_idx"),
        "failed_record",
        ["sync", "next_attempt_at"],
        schema="ledger",
        postgresql_where=sa.text("resolved_by IS NULL AND next_attempt_at IS NOT NULL"),
    )
    op.create_table(
        "accepted_row",
        sa.Column("sync", sa.Text(), nullable=False, comment="name of the declared movement"),
        sa.Column("key_digest", sa.LargeBinary(), nullable=False, comment="digest of the key, 16 bytes"),
        sa.Column(
            "payload_digest", sa.LargeBinary(), nullable=False, comment="digest of the whole row, 16 bytes"
        ),
        sa.Column("run_id", sa.Uuid(), nullable=False, comment="run that got the row through"),
        sa.PrimaryKeyConstraint("sync", "key_digest", name=op.f("accepted_row_pkey")),
        schema="ledger",
        comment="What the org last accepted for a key: loads with only_changed leave such rows out.",
    )


def downgrade() -> None:
    op.execute("UPDATE ledger.sync_run SET state = 'error', finished_at = now() WHERE state = 'interrupted'")
    op.execute("UPDATE ledger.sync_run SET state = 'rows_unaccounted' WHERE state = 'counters_disagree'")
    for table in ("accepted_row", "foreign_job", "rest_request", "load_chunk", "run_attempt"):
        op.drop_table(table, schema="ledger")
    op.drop_index(op.f("failed_record_sync_next_attempt_at_idx"), table_name="failed_record", schema="ledger")
    op.drop_column("failed_record", "resent_in", schema="ledger")
    op.drop_column("outcome_summary", "disagreements", schema="ledger")
    _check_runs(_OLD_STATES, "state = 'running'")
    for column in ("unchanged", "org_started_at", "payload_sum", "declaration", "previous_run", "attempts"):
        op.drop_column("sync_run", column, schema="ledger")


def _widen_runs() -> None:
    columns = (
        sa.Column(
            "attempts",
            sa.Integer(),
            nullable=False,
            server_default="1",
            comment="processes that worked on it",
        ),
        sa.Column(
            "previous_run",
            sa.Uuid(),
            sa.ForeignKey("ledger.sync_run.id", name=op.f("sync_run_previous_run_fkey")),
            comment="run whose rows this one sends again: settled without them, or their failed records",
        ),
        sa.Column("declaration", sa.Text(), comment="loads: hash of the sync as declared when the run began"),
        sa.Column(
            "payload_sum",
            sa.Text(),
            comment="inserts and deletes: sum of the hashes of all rows, in any order",
        ),
        sa.Column(
            "org_started_at",
            sa.DateTime(timezone=True),
            comment="loads: the org's clock before the first row was sent",
        ),
        sa.Column(
            "unchanged",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="loads with only_changed: rows left out, since the org holds them already",
        ),
    )
    for column in columns:
        op.add_column("sync_run", column, schema="ledger")
    _check_runs(_STATES, "state IN ('running', 'interrupted')")
    op.alter_column(
        "sync_run",
        "state",
        comment="running, interrupted (to be taken up), error, or the state of the verdict",
        schema="ledger",
    )
    op.alter_column(
        "sync_run", "finished_at", comment="ledger's clock, null until the run is over", schema="ledger"
    )


def _check_runs(states: tuple[str, ...], unfinished: str) -> None:
    listed = ", ".join(f"'{state}'" for state in states)
    checks = {"state": f"state IN ({listed})", "finished": f"(finished_at IS NULL) = ({unfinished})"}
    for name, condition in checks.items():
        op.drop_constraint(op.f(f"sync_run_{name}_check"), "sync_run", schema="ledger")
        op.create_check_constraint(op.f(f"sync_run_{name}_check"), "sync_run", condition, schema="ledger")


def _run(table: str) -> sa.Column:
    key = sa.ForeignKey("ledger.sync_run.id", name=op.f(f"{table}_run_id_fkey"))
    return sa.Column("run_id", sa.Uuid(), key, nullable=False, comment="the run it belongs to")


def _make_attempts_and_chunks() -> None:
    op.create_table(
        "run_attempt",
        _run("run_attempt"),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="1 for the process that started the run"),
        sa.Column("dagster_run_id", sa.Text(), comment="Dagster run, null outside of Dagster"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            comment="null while it works, and for ever where it was killed",
        ),
        sa.Column("error", sa.Text(), comment="why it gave up, null where it saw the run to its end"),
        sa.PrimaryKeyConstraint("run_id", "attempt", name=op.f("run_attempt_pkey")),
        schema="ledger",
        comment="One process that worked on a run.",
    )
    op.create_table(
        "load_chunk",
        _run("load_chunk"),
        sa.Column("chunk", sa.Integer(), nullable=False, comment="number of the chunk within the run"),
        sa.Column(
            "attempt", sa.Integer(), nullable=False, comment="2 and more where its rows were sent before"
        ),
        sa.Column(
            "rail",
            sa.Text(),
            nullable=False,
            comment="rest, bulk, or none for rows that are refused before sending",
        ),
        sa.Column("rows", sa.BigInteger(), nullable=False, server_default="0", comment="rows of the chunk"),
        sa.Column(
            "bytes_raw",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="uncompressed CSV in bytes; of a REST call, its share of the file",
        ),
        sa.Column("payload_path", sa.Text(), nullable=False, comment="file that holds the rows"),
        sa.Column(
            "first_row", sa.BigInteger(), nullable=False, comment="rows of the file before this chunk's"
        ),
        sa.Column(
            "collection_rows",
            sa.Integer(),
            comment="rows of one Collections request, null on the Bulk rail",
        ),
        sa.Column(
            "is_after",
            sa.Boolean(),
            nullable=False,
            comment="goes only when all chunks before it have ended",
        ),
        sa.CheckConstraint("rail IN ('rest', 'bulk', 'none')", name=op.f("load_chunk_rail_check")),
        sa.PrimaryKeyConstraint("run_id", "chunk", name=op.f("load_chunk_pkey")),
        schema="ledger",
        comment="What travels as one Bulk job or one REST call, known before anything is sent.",
    )


def _make_journals() -> None:
    op.create_table(
        "rest_request",
        sa.Column("id", sa.Uuid(), nullable=False, comment="made by the ledger before the request is sent"),
        _run("rest_request"),
        sa.Column("chunk", sa.Integer(), nullable=False, comment="number of the chunk within the run"),
        sa.Column("step", sa.Text(), nullable=False, comment="intent, stored, unknown or refused"),
        sa.Column(
            "request_id",
            sa.Text(),
            comment="X-Request-Id that the client gave, null until there is an end",
        ),
        sa.Column(
            "error_message",
            sa.Text(),
            comment="why there is no answer to count, null where there is one",
        ),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False, comment="before the call"),
        sa.Column("ended_at", sa.DateTime(timezone=True), comment="time of the last step"),
        sa.CheckConstraint(
            "step IN ('intent', 'stored', 'unknown', 'refused')", name=op.f("rest_request_step_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("rest_request_pkey")),
        schema="ledger",
        comment="Journal of the REST writes.",
    )
    op.create_index(
        op.f("rest_request_run_id_chunk_idx"), "rest_request", ["run_id", "chunk"], schema="ledger"
    )
    op.create_table(
        "foreign_job",
        sa.Column("job_id", sa.Text(), nullable=False, comment="id in the org"),
        sa.Column("sobject", sa.Text(), nullable=False, comment="API name of the object"),
        sa.Column("operation", sa.Text(), nullable=False, comment="Salesforce's word for what the job did"),
        sa.Column("created_by", sa.Text(), comment="id of the org's user"),
        sa.Column("org_state", sa.Text(), nullable=False, comment="terminal state in the org"),
        sa.Column(
            "records_processed",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="the org's counter, failed rows included",
        ),
        sa.Column(
            "records_failed",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="the org's counter",
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="ledger's clock"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("foreign_job_pkey")),
        schema="ledger",
        comment="Finished ingest jobs of the org that no run of ours made.",
    )
