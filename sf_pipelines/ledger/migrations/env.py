"""Alembic environment: runs on the connection that `ledger.engine.migrate` hands over."""

from __future__ import annotations

from alembic import context

# these add their tables to the metadata
from sf_pipelines.ledger import change_tables as change_tables
from sf_pipelines.ledger import extract_tables as extract_tables
from sf_pipelines.ledger import notice_tables as notice_tables
from sf_pipelines.ledger import quota_tables as quota_tables
from sf_pipelines.ledger.tables import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
