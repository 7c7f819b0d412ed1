"""A real PostgreSQL for tests: one server per pytest process, one fresh migrated database per test."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from sf_pipelines.ledger.engine import migrate, open_engine
from sf_pipelines.local.postgres import EmbeddedPostgres

TEMPLATE = "migrated_template"


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """A new folder for a server.

    Not `tmp_path`: any pytest that root starts shuts that to other accounts, and the server of root's
    tests runs under another account.
    """
    with tempfile.TemporaryDirectory(prefix="sf_pipelines_tests_") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of an empty database on a server of this pytest process."""
    with (
        tempfile.TemporaryDirectory(prefix="sf_pipelines_tests_") as folder,
        EmbeddedPostgres(Path(folder)) as postgres,
    ):
        with _administrator(postgres.url) as engine, engine.connect() as connection:
            # a test's database need not outlive a power cut, and a test shouldn't wait for the disk
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield postgres.url


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """URL of a fresh database without any table."""
    with _fresh_database(postgres_url, template="template0") as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str, _migrated_template: str) -> Iterator[str]:
    """URL of a fresh database that holds an empty, migrated ledger."""
    with _fresh_database(postgres_url, template=_migrated_template) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A pool on a fresh database that holds an empty, migrated ledger."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _migrated_template(postgres_url: str) -> str:
    with _administrator(postgres_url) as server, server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    engine = open_engine(_named(postgres_url, TEMPLATE))
    migrate(engine)
    engine.dispose()
    return TEMPLATE


@contextmanager
def _fresh_database(postgres_url: str, *, template: str) -> Generator[str]:
    name = f"test_{uuid4().hex}"
    with _administrator(postgres_url) as server:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        yield _named(postgres_url, name)
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _administrator(url: str) -> Generator[Engine]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        yield engine
    finally:
        engine.dispose()


def _named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)
