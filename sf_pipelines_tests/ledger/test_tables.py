from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Engine, MetaData, inspect, text
from sqlalchemy.exc import IntegrityError

from sf_pipelines.ledger.tables import SCHEMA, metadata
from sf_pipelines.ledger.verbs import Ledger
from sf_pipelines_tests.ledger.samples import start_load

IDENTIFIER_MAX_BYTES = 63


def differences(engine: Engine, wanted: MetaData) -> list[Any]:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_schemas": True,
                "version_table_schema": SCHEMA,
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
            },
        )
        return compare_metadata(context, wanted)


def test_the_migrations_make_exactly_the_declared_tables(engine: Engine) -> None:
    assert differences(engine, metadata) == []


def test_a_table_that_no_migration_makes_would_be_seen(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE ledger.failed_record DROP COLUMN resolved_by"))
        connection.execute(text("DROP INDEX ledger.failed_record_sync_code_idx"))
    assert {difference[0] for difference in differences(engine, metadata)} >= {"add_column", "add_index"}


def test_the_migrations_make_the_declared_checks(engine: Engine) -> None:
    for table in metadata.tables.values():
        declared = {str(item.name) for item in table.constraints if isinstance(item, CheckConstraint)}
        assert {
            item["name"] for item in inspect(engine).get_check_constraints(table.name, SCHEMA)
        } == declared


def test_every_table_and_column_is_explained_and_every_name_fits() -> None:
    for table in metadata.tables.values():
        assert table.comment
        assert not [column.name for column in table.columns if not column.comment]
        names = [item.name for item in (*table.constraints, *table.indexes)]
        assert all(len(str(name).encode()) <= IDENTIFIER_MAX_BYTES for name in names)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.sync_run SET state = 'complete'",
        "UPDATE ledger.sync_run SET state = 'splendid', finished_at = now()",
        "INSERT INTO ledger.outcome_summary (run_id, chunk, rail, submitted, accounted, errors, stored_at) "
        "SELECT id, 0, 'rest', 5, true, '{}', now() FROM ledger.sync_run",
        "INSERT INTO ledger.bulk_job (id, run_id, sobject, operation, chunk, step, intended_at, stepped_at) "
        "SELECT id, id, 'Account', 'upsert', 0, 'closed', now(), now() FROM ledger.sync_run",
    ],
    ids=["over but not finished", "unknown state", "falsely accounted", "closed without a job"],
)
def test_rows_that_would_lie_are_refused(engine: Engine, ledger: Ledger, statement: str) -> None:
    start_load(ledger)
    with pytest.raises(IntegrityError, match="check constraint"), engine.begin() as connection:
        connection.execute(text(statement))
