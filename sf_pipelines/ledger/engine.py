"""The way to the database: engine, and migrations under an advisory lock."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x5F_11E5
"""Key of the advisory lock that one migrating process holds; any number, but always this one."""

CONNECT_TIMEOUT_SECONDS = 10


class LedgerError(Exception):
    """The ledger cannot be used; one sentence that names the database and the mend."""


def open_engine(database_url: str) -> Engine:
    """A connection pool; nothing is connected yet.

    Raises:
        LedgerError: the URL is not one of PostgreSQL.
    """
    try:
        url = make_url(database_url)
    except ArgumentError:
        raise LedgerError(
            "SF_PIPELINES_DATABASE_URL is not a URL: use postgresql://user@host/name."
        ) from None
    if url.get_backend_name() != "postgresql":
        raise LedgerError(
            f"SF_PIPELINES_DATABASE_URL names {url.get_backend_name()}: only PostgreSQL is supported."
        )
    return create_engine(
        url.set(drivername="postgresql+psycopg2"),
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "sf_pipelines"},
    )


def migrate(engine: Engine) -> None:
    """Bring the schema to its newest shape; safe when several processes do it at once.

    Raises:
        LedgerError: the database cannot be reached.
    """
    try:
        with engine.connect() as connection:
            _migrate_locked(connection)
    except OperationalError as error:
        raise LedgerError(
            f"The database {_place(engine)} cannot be reached ({_first_line(error)}): "
            "start it, or mend SF_PIPELINES_DATABASE_URL."
        ) from error


def _migrate_locked(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    try:
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS ledger"))
        connection.commit()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()


def _place(engine: Engine) -> str:
    """Database and host without user or password."""
    url = engine.url
    host = url.host or url.query.get("host") or "local socket"
    return f"'{url.database}' on {host}" + (f":{url.port}" if url.port else "")


def _first_line(error: OperationalError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else "no answer"
