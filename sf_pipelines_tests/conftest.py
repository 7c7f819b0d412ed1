"""Real parts in small for every test: one PostgreSQL server a worker, a migrated database a test."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg2
import pytest
from sqlalchemy import Engine

from sf_pipelines.ledger.engine import migrate, open_engine
from sf_pipelines.local.postgres import EmbeddedPostgres

TEMPLATE = "migrated_template"


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a server with an empty database `sf_pipelines`."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data") as postgres:
        yield postgres.url


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    """Name of a database with the newest ledger in it, to copy from."""
    _administer(postgres_url, f"CREATE DATABASE {TEMPLATE}")
    engine = open_engine(_named(postgres_url, TEMPLATE))
    migrate(engine)
    engine.dispose()
    return TEMPLATE


@pytest.fixture
def database_url(postgres_url: str, template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    name = f"test_{uuid4().hex[:12]}"
    _administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _named(postgres_url, name)
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A pool on the test's database."""
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


def _named(url: str, database: str) -> str:
    head, _, options = url.partition("?")
    return f"{head.rsplit('/', 1)[0]}/{database}?{options}"


def _administer(url: str, statement: str) -> None:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
