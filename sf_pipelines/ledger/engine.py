"""The way to the database: engine, transactions whose errors name it, and migrations under a lock."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg2.extensions import make_dsn
from sqlalchemy import URL, Connection, Engine, create_engine, func, make_url, select
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.schema import CreateSchema

from sf_pipelines.ledger.jsonable import dumps
from sf_pipelines.ledger.tables import SCHEMA

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x5F_11E5
"""Key of the advisory lock that one migrating process holds; any number, but always this one."""

CONNECT_TIMEOUT_SECONDS = 10

_NOT_READY = frozenset({"42501", "42P01", "42703", "3F000"})
"""SQLSTATE: no privilege, no such table, no such column, no such schema."""

_DUPLICATE_TABLE = "42P07"

_URL_SHAPE = "use postgresql://user:password@host/name, with %40 for an @ in the password"


class LedgerError(Exception):
    """The ledger cannot be used, or refuses a verb; one sentence that names the thing and the mend."""


def open_engine(database_url: str) -> Engine:
    """A connection pool; nothing is connected yet.

    Raises:
        LedgerError: the URL is not one of PostgreSQL. The message holds nothing of it, since a
            misread URL can have its password anywhere.
    """
    engine = create_engine(
        _read_url(database_url),
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "sf_pipelines"},
        json_serializer=dumps,
        hide_parameters=True,  # an error would print a batch of records
    )
    _check_options(engine)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the schema to its newest shape, all or nothing; safe when several processes do it at once.

    Raises:
        LedgerError: the database cannot be reached, its user may not make tables, or a newer
            sf_pipelines has migrated it.
    """
    with transaction(engine) as connection:
        connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
        connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
        try:
            command.upgrade(alembic_config(connection), "head")
        except CommandError as error:
            raise LedgerError(
                f"The ledger in {_place(engine)} cannot be migrated ({error}): "
                "install the newest sf_pipelines."
            ) from error


@contextmanager
def transaction(engine: Engine) -> Generator[Connection]:
    """One transaction, committed at the end.

    Raises:
        LedgerError: the database cannot be reached or used. A row that breaks a constraint is a defect
            of the caller and comes through as it is.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (OperationalError, InterfaceError, ProgrammingError, PoolTimeoutError) as error:
        trouble = _trouble(error)
        if trouble is None:
            raise
        raise LedgerError(f"The database {_place(engine)} {trouble}.") from error


def _trouble(error: SQLAlchemyError) -> str | None:
    """What is wrong with the database and how to mend it; None where the statement is wrong."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    line = next(iter(str(cause).strip().splitlines()), "no answer")
    code: str | None = getattr(cause, "pgcode", None)
    if code == _DUPLICATE_TABLE:
        return f"has a schema 'ledger' that is not ours ({line}): drop that schema, or use another database"
    if isinstance(error, ProgrammingError):
        if code not in _NOT_READY:
            return None
        return f"is not ready ({line}): let sf_pipelines migrate it as a user who may create schemas there"
    if code is None:
        return f"cannot be reached ({line}): start it, or mend SF_PIPELINES_DATABASE_URL"
    return f"cannot go on ({line}): mend that and run again"


def _read_url(database_url: str) -> URL:
    try:
        url = make_url(database_url)
    except (ArgumentError, ValueError):
        raise LedgerError(f"SF_PIPELINES_DATABASE_URL cannot be read: {_URL_SHAPE}.") from None
    if url.get_backend_name() != "postgresql":
        raise LedgerError(f"SF_PIPELINES_DATABASE_URL is not a URL of PostgreSQL: {_URL_SHAPE}.")
    if "@" in (url.host or ""):
        raise LedgerError(f"SF_PIPELINES_DATABASE_URL has an @ too many: {_URL_SHAPE}.")
    return url.set(drivername="postgresql+psycopg2")


def _check_options(engine: Engine) -> None:
    """Refuse options that libpq doesn't know now, and not at the first connection."""
    _, options = engine.dialect.create_connect_args(engine.url)
    try:
        make_dsn(**options)
    except psycopg2.ProgrammingError as error:
        raise LedgerError(
            f"SF_PIPELINES_DATABASE_URL has a wrong option ({str(error).strip()}): remove what stands "
            "after the ? and is no option of libpq."
        ) from None


def alembic_config(connection: Connection) -> Config:
    """How Alembic finds the migrations, and the connection that they run on."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _place(engine: Engine) -> str:
    """Database and host without user or password."""
    url = engine.url
    host = url.host or url.query.get("host") or "the local socket"
    return f"'{url.database}' on {host}" + (f":{url.port}" if url.port else "")
