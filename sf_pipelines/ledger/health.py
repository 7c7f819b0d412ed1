"""The database as one finds it, without changing it: who we are there, and where the migrations stand."""

from __future__ import annotations

from dataclasses import dataclass

from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from sf_pipelines.ledger.engine import alembic_config, transaction
from sf_pipelines.ledger.tables import SCHEMA


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerHealth:
    """What is there.

    Attributes:
        may_create: whether the user may make schemas, which the first run and dbt need.
        revision: migration at which the ledger stands, None where there is no ledger yet.
        known_revisions: those of this release, the first one first.
    """

    server_version: str
    database: str
    user: str
    may_create: bool
    revision: str | None
    known_revisions: tuple[str, ...]


def read_health(engine: Engine) -> LedgerHealth:
    """Look at the database.

    Raises:
        LedgerError: it cannot be reached.
    """
    with transaction(engine) as connection:
        row = connection.execute(
            text(
                "SELECT current_setting('server_version') AS version, current_database() AS database, "
                "current_user AS who, has_database_privilege(current_database(), 'CREATE') AS may_create"
            )
        ).one()
        revision = None
        if inspect(connection).has_table("alembic_version", schema=SCHEMA):
            revision = connection.execute(
                text(f"SELECT version_num FROM {SCHEMA}.alembic_version")
            ).scalar_one_or_none()
        scripts = ScriptDirectory.from_config(alembic_config(connection))
        known = tuple(script.revision for script in scripts.walk_revisions())
    return LedgerHealth(
        server_version=row.version,
        database=row.database,
        user=row.who,
        may_create=row.may_create,
        revision=revision,
        known_revisions=known[::-1],
    )
